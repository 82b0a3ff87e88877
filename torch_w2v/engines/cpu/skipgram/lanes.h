// The inputs of a block as lanes: one number for each of them, and their rows column by column.
#pragma once

#include "../memory.h"
#include "bfloat16.h"
#include "rows.h"

namespace {

constexpr int LANES_OF_BLOCK = 16;  // inputs of a block at most; MAX_INPUTS in layouts.py
constexpr int PARTS = LANES_OF_BLOCK / W;

// A number per input.
struct Lanes {
  Vector part[PARTS];

  INLINE Lanes& operator+=(const Lanes& other) {
    UNROLL
    for (int i = 0; i < PARTS; i++) part[i] += other.part[i];
    return *this;
  }
  INLINE void set(i64 lane, float x) { part[lane / W][lane % W] = x; }
};

// The lanes of two vectors whose numbers have the bit `block` clear, or set.
constexpr int lower(int lane, int block) { return lane & block ? W + lane - block : lane; }
constexpr int upper(int lane, int block) { return lane & block ? W + lane : lane + block; }

// Exchanges the blocks of STEP lanes that lie across the diagonal in two vectors.
template <int STEP>
INLINE void cross(Vector& a, Vector& b) {
  const Vector x = __builtin_shufflevector(a, b, EACH_LANE(lower, STEP));
  b = __builtin_shufflevector(a, b, EACH_LANE(upper, STEP));
  a = x;
}

// Transposes W vectors.
template <int STEP = 1>
INLINE void transpose(Vector* rows) {
  UNROLL
  for (int i = 0; i < W; i++) {
    if (!(i & STEP)) cross<STEP>(rows[i], rows[i + STEP]);
  }
  if constexpr (2 * STEP < W) transpose<2 * STEP>(rows);
}

// Transposes the rows of `count` inputs, `floats` long: column d becomes to[d]. So do up to W - 1 columns of zeros.
// Where a kernel ROUNDS, to[d] are columns 2 d and 2 d + 1 instead, as Halves.
inline void transpose_rows(Lanes* to, const float* const* rows, i64 count, i64 floats) {
  constexpr int Q = ROUNDS ? 2 : 1;
  each_piece<Q>(floats, [&](auto piece) {
    UNROLL
    for (int part = 0; part < PARTS; part++) {
      Vector columns[W];
      for (int i = 0; i < W; i++) {
        Vector numbers[Q] = {};
        if (part * W + i < count) piece.read(numbers, rows[part * W + i]);
        columns[i] = ROUNDS ? reinterpret_cast<Vector>(in_order(numbers[0], numbers[Q - 1])) : numbers[0];
      }
      transpose(columns);
      for (int i = 0; i < W; i++) to[piece.at / Q + i].part[part] = columns[i];
    }
  });
}

}  // namespace
