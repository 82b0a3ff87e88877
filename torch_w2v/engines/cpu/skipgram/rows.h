// Rows of the tables as vectors, wherever they lie, the last vector of a row filled up with zeros.
#pragma once

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include <cstring>

#include "../vectors.h"

namespace {

// A vector anywhere in memory. In an alias clang would not heed the alignment, and read as if it were that of a vector.
typedef float Loose __attribute__((vector_size(4 * W), aligned(4)));
static_assert(alignof(Loose) == 4, "read as vectors that are aligned");

INLINE Vector load(const float* p) { return *reinterpret_cast<const Loose*>(p); }
INLINE void store(float* p, Vector x) { *reinterpret_cast<Loose*>(p) = x; }

// The first `count` floats, less than W, and zeros.
INLINE Vector load_first(const float* p, i64 count) {
#if defined(__AVX512F__) && W == 16
  return reinterpret_cast<Vector>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
#else
  Vector x = {};
  std::memcpy(&x, p, sizeof(float) * static_cast<size_t>(count));
  return x;
#endif
}

INLINE void store_first(float* p, Vector x, i64 count) {
#if defined(__AVX512F__) && W == 16
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(x));
#else
  std::memcpy(p, &x, sizeof(float) * static_cast<size_t>(count));
#endif
}

// Reads and writes Q vectors of a row from float `at` on; with TAIL the last one has only `count` floats.
template <int Q, bool TAIL>
struct Piece {
  i64 at;
  i64 count;

  INLINE void read(Vector* to, const float* row) const {
    UNROLL
    for (int j = 0; j < Q; j++) {
      const float* from = row + at + j * W;
      to[j] = TAIL && j == Q - 1 ? load_first(from, count) : load(from);
    }
  }
  INLINE void write(float* row, const Vector* from) const {
    UNROLL
    for (int j = 0; j < Q; j++) {
      float* to = row + at + j * W;
      if (TAIL && j == Q - 1)
        store_first(to, from[j], count);
      else
        store(to, from[j]);
    }
  }
};

// Calls f(Piece) for a row piece by piece, Q vectors at a time. `floats` is the length of a row.
template <int Q, class Function>
INLINE void each_piece(i64 floats, Function f) {
  i64 at = 0;
  for (; at + Q * W <= floats; at += Q * W) f(Piece<Q, false>{at, 0});
  for (; at + W <= floats; at += W) f(Piece<1, false>{at, 0});
  if (at < floats) f(Piece<1, true>{at, floats - at});
}

}  // namespace
