// Vectors of W floats, their sums of lanes, and the functions of one number that training needs.
#pragma once

#include <cmath>
#include <cstdint>

#ifndef W
#define W 4
#endif

// Loops over a few things in registers, which must not become loops over arrays on the stack.
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define INLINE inline __attribute__((always_inline))

namespace {

using i64 = int64_t;
using Vector = float __attribute__((vector_size(4 * W)));
using Integers = int32_t __attribute__((vector_size(4 * W)));

inline Vector* vectors(float* p) { return reinterpret_cast<Vector*>(p); }
inline const Vector* vectors(const float* p) { return reinterpret_cast<const Vector*>(p); }
inline const Integers* vectors(const int32_t* p) { return reinterpret_cast<const Integers*>(p); }

// Subtracting a zero leaves -0 what it is.
inline Vector all(float x) { return x - Vector{}; }

inline i64 min(i64 a, i64 b) { return a < b ? a : b; }
inline i64 max(i64 a, i64 b) { return a > b ? a : b; }

inline bool any(Integers x) {
  int32_t bits = 0;
  for (int i = 0; i < W; i++) bits |= x[i];
  return bits != 0;
}

// 1 / (1 + exp(-x)) to float accuracy: 2 to the power of a fraction in [-0.5, 0.5] by a polynomial, of the whole number
// by the exponent's bits.
inline Vector sigmoid(Vector x) {
  const Vector limit = all(80.f);
  x = x > limit ? limit : x;
  x = x < -limit ? -limit : x;
  const Vector power = x * -1.44269504f;
  const Integers whole = __builtin_convertvector(power + (power < 0.f ? all(-0.5f) : all(0.5f)), Integers);
  const Vector fraction = power - __builtin_convertvector(whole, Vector);
  Vector p = all(1.54035304e-4f);
  p = p * fraction + 1.33335581e-3f;
  p = p * fraction + 9.61812911e-3f;
  p = p * fraction + 5.55041087e-2f;
  p = p * fraction + 2.40226507e-1f;
  p = p * fraction + 6.93147181e-1f;
  p = p * fraction + 1.f;
  return 1.f / (1.f + p * reinterpret_cast<Vector>((whole + 127) << 23));
}

inline double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

// The lanes of two vectors whose numbers have the bit `block` clear, or set: pairs of blocks, to be added.
constexpr int lower(int lane, int block) { return lane & block ? W + lane - block : lane; }
constexpr int upper(int lane, int block) { return lane & block ? W + lane : lane + block; }
constexpr int other(int lane, int block) { return lane ^ block; }

#if W == 16
#define EACH_LANE(f, block)                                                                                            \
  f(0, block), f(1, block), f(2, block), f(3, block), f(4, block), f(5, block), f(6, block), f(7, block), f(8, block), \
      f(9, block), f(10, block), f(11, block), f(12, block), f(13, block), f(14, block), f(15, block)
#elif W == 8
#define EACH_LANE(f, block) \
  f(0, block), f(1, block), f(2, block), f(3, block), f(4, block), f(5, block), f(6, block), f(7, block)
#else
#define EACH_LANE(f, block) f(0, block), f(1, block), f(2, block), f(3, block)
#endif

// Adds neighbouring lanes of COUNT vectors into one. With COUNT = W, lane i becomes the sum of the lanes of a[i]. Where
// a vector holds the lanes of DONE sums already, which this function made of DONE vectors, it goes on from there.
template <int COUNT, int DONE = 1>
INLINE Vector sum_lanes(const Vector* a) {
  if constexpr (COUNT == 1) {
    return a[0];
  } else {
    constexpr int HALF = COUNT / 2;
    const Vector x = sum_lanes<HALF, DONE>(a);
    const Vector y = sum_lanes<HALF, DONE>(a + HALF);
    return __builtin_shufflevector(x, y, EACH_LANE(lower, HALF * DONE)) +
           __builtin_shufflevector(x, y, EACH_LANE(upper, HALF * DONE));
  }
}

// Adds up all lanes of `count` vectors, 1 to MOST, each of which holds the lanes of DONE sums: sum i is in lane i of
// the result. Writes zeros behind the vectors, up to MOST.
template <int MOST, int DONE>
INLINE Vector sum_all_lanes(Vector* a, i64 count) {
  if constexpr (MOST > 1) {
    if (count <= MOST / 2) return sum_all_lanes<MOST / 2, DONE>(a, count);
    for (i64 i = count; i < MOST; i++) a[i] = Vector{};
  }
  Vector sum = sum_lanes<MOST, DONE>(a);
  if constexpr (MOST * DONE < W / 8) sum += __builtin_shufflevector(sum, sum, EACH_LANE(other, W / 16));
  if constexpr (MOST * DONE < W / 4) sum += __builtin_shufflevector(sum, sum, EACH_LANE(other, W / 8));
  if constexpr (MOST * DONE < W / 2) sum += __builtin_shufflevector(sum, sum, EACH_LANE(other, W / 4));
  if constexpr (MOST * DONE < W) sum += __builtin_shufflevector(sum, sum, EACH_LANE(other, W / 2));
  return sum;
}

}  // namespace
