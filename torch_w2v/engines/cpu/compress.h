// Choosing some of many numbers without a branch per number.
#pragma once

#include <cstdint>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "vectors.h"

namespace {

// Functions here write up to this many numbers more than they return.
constexpr i64 COMPRESS_MORE = 16;

// Moves those of `count` values together whose `chosen` is not 0. Returns how many.
inline i64 compress(int32_t* to, const int32_t* values, const int32_t* chosen, i64 count) {
  i64 written = 0;
#ifdef __AVX512F__
  for (i64 i = 0; i < count; i += 16) {
    const __mmask16 inside = count - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (count - i)) - 1);
    const __m512i choice = _mm512_maskz_loadu_epi32(inside, chosen + i);
    const __mmask16 mask = _mm512_test_epi32_mask(choice, choice);
    const __m512i value = _mm512_maskz_loadu_epi32(inside, values + i);
    _mm512_storeu_si512(to + written, _mm512_maskz_compress_epi32(mask, value));
    written += __builtin_popcount(mask);
  }
#else
  for (i64 i = 0; i < count; i++) {
    to[written] = values[i];
    written += chosen[i] != 0;
  }
#endif
  return written;
}

// Moves those of `count` values together that are not below `least`. Returns how many.
inline i64 compress_from(int32_t* to, const int32_t* values, i64 count, int32_t least) {
  i64 written = 0;
#ifdef __AVX512F__
  for (i64 i = 0; i < count; i += 16) {
    const __mmask16 inside = count - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (count - i)) - 1);
    const __m512i value = _mm512_maskz_loadu_epi32(inside, values + i);
    const __mmask16 mask = _mm512_mask_cmpge_epi32_mask(inside, value, _mm512_set1_epi32(least));
    _mm512_storeu_si512(to + written, _mm512_maskz_compress_epi32(mask, value));
    written += __builtin_popcount(mask);
  }
#else
  for (i64 i = 0; i < count; i++) {
    to[written] = values[i];
    written += values[i] >= least;
  }
#endif
  return written;
}

}  // namespace
