// Vectors of W floats, their sums of lanes, and the functions of one number that training needs.
#pragma once

#include <cmath>
#include <cstdint>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

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
#if W == 16
  return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(x)) != 0;
#else
  int32_t bits = 0;
  for (int i = 0; i < W; i++) bits |= x[i];
  return bits != 0;
#endif
}

// Both leave a NaN what it is. Of the vectors' own operators gcc makes a comparison and a choice by mask, with AVX-512,
// and the processor waits for the mask.
inline Vector at_most(Vector x, float most) {
#if W == 16
  return reinterpret_cast<Vector>(_mm512_maskz_min_ps(0xffff, _mm512_set1_ps(most), reinterpret_cast<__m512>(x)));
#else
  return x > most ? all(most) : x;
#endif
}
inline Vector at_least(Vector x, float least) {
#if W == 16
  return reinterpret_cast<Vector>(_mm512_maskz_max_ps(0xffff, _mm512_set1_ps(least), reinterpret_cast<__m512>(x)));
#else
  return x < least ? all(least) : x;
#endif
}

// 1 / (1 + exp(-x)) to float accuracy: 2 to the power of a fraction in [-0.5, 0.5] by a polynomial, of the whole number
// by the exponent's bits. Training waits for it, so independent steps are written side by side.
inline Vector sigmoid(Vector x) {
  const Vector power = at_least(at_most(x, 80.f), -80.f) * -1.44269504f;
  // So large a number has no bits for a fraction: the whole number is in its last ones.
  constexpr float ROUND = 12582912.f;
  const Vector rounded = power + ROUND;
  const Vector fraction = power - (rounded - ROUND);
  const Vector square = fraction * fraction;
  const Vector low = fraction * 6.93147181e-1f + 1.f;
  const Vector middle = fraction * 5.55041087e-2f + 2.40226507e-1f;
  const Vector high = fraction * 1.33335581e-3f + 9.61812911e-3f + square * 1.54035304e-4f;
  const Vector p = high * (square * square) + (middle * square + low);
  return 1.f / (1.f + p * reinterpret_cast<Vector>((reinterpret_cast<Integers>(rounded) << 23) + 0x3f800000));
}

inline double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

// Not inlined, so that the product is rounded before it is added to a sum: kernels of other row lengths, whose code
// differs, have the same sum to the last bit.
__attribute__((noinline)) inline double softplus(double x, double weight) { return weight * softplus(x); }

#if W == 16
#define EACH_LANE(f, x)                                                                                         \
  f(0, x), f(1, x), f(2, x), f(3, x), f(4, x), f(5, x), f(6, x), f(7, x), f(8, x), f(9, x), f(10, x), f(11, x), \
      f(12, x), f(13, x), f(14, x), f(15, x)
#elif W == 8
#define EACH_LANE(f, x) f(0, x), f(1, x), f(2, x), f(3, x), f(4, x), f(5, x), f(6, x), f(7, x)
#else
#define EACH_LANE(f, x) f(0, x), f(1, x), f(2, x), f(3, x)
#endif

// Lanes are summed in levels, each of which makes one vector of two: the first two levels add neighbouring lanes, the
// others neighbouring groups of four lanes, which processors move as one. Within four lanes, or groups, sums of the
// first vector come before those of the second.
constexpr int in_pair(int lane, int level, int second) {
  const int unit = level < 2 ? 1 : 4;
  const int units = W / unit < 4 ? W / unit : 4;
  const int at = lane / unit % units;
  const int from = lane + (at % (units / 2) * 2 + second - at) * unit;
  return at < units / 2 ? from : W + from;
}
constexpr int first_of_pair(int lane, int level) { return in_pair(lane, level, 0); }
constexpr int second_of_pair(int lane, int level) { return in_pair(lane, level, 1); }

// The level that comes after vectors of so many sums each.
constexpr int level_of(int sums) { return sums < 2 ? 0 : 1 + level_of(sums / 2); }

template <int LEVEL>
INLINE Vector add_pairs(Vector x, Vector y) {
  return __builtin_shufflevector(x, y, EACH_LANE(first_of_pair, LEVEL)) +
         __builtin_shufflevector(x, y, EACH_LANE(second_of_pair, LEVEL));
}

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
    return add_pairs<level_of(HALF * DONE)>(x, y);
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
  if constexpr (MOST * DONE < W / 8) sum = add_pairs<level_of(W / 16)>(sum, sum);
  if constexpr (MOST * DONE < W / 4) sum = add_pairs<level_of(W / 8)>(sum, sum);
  if constexpr (MOST * DONE < W / 2) sum = add_pairs<level_of(W / 4)>(sum, sum);
  if constexpr (MOST * DONE < W) sum = add_pairs<level_of(W / 2)>(sum, sum);
  return sum;
}

}  // namespace
