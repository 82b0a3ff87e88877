// Products of numbers rounded to bfloat16, two per lane: as many again as of float32 in one operation. Sums stay in
// float32.
#pragma once

#include <cstring>

#include "../vectors.h"

namespace {

// Whether a kernel rounds what it multiplies with negatives; engine.py asks for it by `Layout.bfloat16`.
#ifdef BFLOAT16
constexpr bool ROUNDS = true;
#else
constexpr bool ROUNDS = false;
#endif

// Two numbers in bfloat16 per lane, the first in the lower bits.
using Halves = Integers;

INLINE Halves load_halves(const int32_t* p) {
  Halves x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
INLINE void store_halves(int32_t* p, Halves x) { std::memcpy(p, &x, sizeof x); }
INLINE Halves all_halves(int32_t x) { return Halves{} + x; }

#ifdef __AVX512BF16__

// 2 W numbers in order.
INLINE Halves in_order(Vector low, Vector high) {
  return reinterpret_cast<Halves>(_mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(high), reinterpret_cast<__m512>(low)));
}

// The numbers of each lane of two vectors.
INLINE Halves zipped(Vector first, Vector second) {
  const __m512i lanes = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return reinterpret_cast<Halves>(_mm512_permutexvar_epi16(lanes, reinterpret_cast<__m512i>(in_order(first, second))));
}

// Adds the products of the first and of the second numbers of each lane.
INLINE Vector add_products(Vector sum, Halves x, Halves y) {
  return reinterpret_cast<Vector>(
      _mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(y)));
}

#else

// To nearest, ties to even, in the upper bits.
INLINE Halves rounded(Vector x) {
  using Bits = uint32_t __attribute__((vector_size(4 * W)));
  const Bits bits = reinterpret_cast<Bits>(x);
  return reinterpret_cast<Halves>((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

INLINE Halves zipped(Vector first, Vector second) { return (rounded(first) >> 16 & 0xffff) | rounded(second); }

INLINE Halves in_order(Vector low, Vector high) {
  float numbers[2 * W];
  std::memcpy(numbers, &low, sizeof low);
  std::memcpy(numbers + W, &high, sizeof high);
  Vector first;
  Vector second;
  for (int i = 0; i < W; i++) {
    first[i] = numbers[2 * i];
    second[i] = numbers[2 * i + 1];
  }
  return zipped(first, second);
}

INLINE Vector add_products(Vector sum, Halves x, Halves y) {
  const auto number = [](Halves bits) { return reinterpret_cast<Vector>(bits); };
  constexpr int32_t UPPER = static_cast<int32_t>(0xffff0000);
  return sum + number(x << 16) * number(y << 16) + number(x & UPPER) * number(y & UPPER);
}

#endif

}  // namespace
