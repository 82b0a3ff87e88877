// Products and updates of a few rows at a time, whose sums stay in registers: the inner loops of training a set.
#pragma once

#include "vectors.h"

namespace {

// Targets and negatives of a tile: their sums and the operands of one step fit the registers of the instruction set.
constexpr int TILE_TARGETS = W == 16 ? 4 : 2;
constexpr int TILE_NEGATIVES = 5;
// Vectors of each row that an update works on at once.
constexpr int TILE_VECTORS = W == 16 ? 2 : 1;

template <int VALUE>
struct Constant {
  static constexpr int value = VALUE;
};

// Whether a single thing that is left over joins the tile before it. The sums of six negatives fill the 32 registers of
// AVX-512, and rows are then operands in memory; with 16 registers a tile of its own is faster.
constexpr bool JOINS = W == 16;

// Calls f(first, Constant<size>) for each tile of `count` things: as many of SIZE as there are, then one of the rest.
template <int SIZE, class Function>
INLINE void tiles(i64 count, Function f) {
  static_assert(SIZE <= 5);
  i64 i = 0;
  for (; count - i >= SIZE && !(JOINS && count - i == SIZE + 1); i += SIZE) f(i, Constant<SIZE>());
  switch (count - i) {
    case SIZE + 1:
      if constexpr (JOINS) f(i, Constant<SIZE + 1>());
      break;
    case 4:
      if constexpr (SIZE > 4) f(i, Constant<4>());
      break;
    case 3:
      if constexpr (SIZE > 3) f(i, Constant<3>());
      break;
    case 2:
      if constexpr (SIZE > 2) f(i, Constant<2>());
      break;
    case 1:
      if constexpr (SIZE > 1) f(i, Constant<1>());
      break;
  }
}

// How hidden layers follow earlier errors, and errors join these (drift.h); all (targets).
struct Moves {
  float* const* drift;  // rows
  const float* pull;    // of the drift in a hidden layer
  const float* weight;  // of an error in the drift
};

// Products of M hidden layers, `stride` floats apart, with their own rows and with N rows of negatives. Each column of
// products, own first, becomes one vector with the lanes of M sums (see sum_lanes): to[0], to[pitch] and so on. Without
// OWN there is no first column. With MOVED the hidden layers follow the drift first.
template <int M, int N, bool OWN, bool MOVED>
INLINE void products(float* h, i64 stride, const Moves& moves, const float* const* own, const float* const* negatives,
                     i64 row_vectors, Vector* to, i64 pitch) {
  constexpr int COLUMNS = N + OWN;
  Vector sum[COLUMNS * M];
  UNROLL
  for (int i = 0; i < COLUMNS * M; i++) sum[i] = Vector{};
  for (i64 q = 0; q < row_vectors; q++) {
    Vector x[M];
    UNROLL
    for (int m = 0; m < M; m++) {
      x[m] = vectors(h + m * stride)[q];
      if (MOVED) {
        x[m] += moves.pull[m] * vectors(moves.drift[m])[q];
        vectors(h + m * stride)[q] = x[m];
      }
      if (OWN) sum[m] += x[m] * vectors(own[m])[q];
    }
    UNROLL
    for (int n = 0; n < N; n++) {
      const Vector row = vectors(negatives[n])[q];
      UNROLL
      for (int m = 0; m < M; m++) sum[(n + OWN) * M + m] += x[m] * row;
    }
  }
  UNROLL
  for (int i = 0; i < COLUMNS; i++) to[i * pitch] = sum_lanes<M>(sum + i * M);
}

// What the targets of one set do to the rows, and the rows to their hidden layers. A set of many negatives takes them
// in several tiles: the errors wait in between.
struct Update {
  i64 targets;
  i64 pitch;                  // from one column of coefficients to the next
  i64 stride;                 // floats per row
  float* hidden;              // (targets, stride) hidden layers, which the errors replace
  float* errors;              // (targets, stride) between two tiles of negatives
  float* const* own;          // (targets) the targets' rows
  float* const* negatives;    // the tile's rows of negatives
  const float* coefficients;  // (columns, targets) of rows in the errors: the target's row first, then the negatives'
  const float* row_coefficients;  // (columns, targets) of hidden layers in the rows' updates
  const float* error_scale;       // (targets), or null
  Moves moves;                    // (targets)
  float along = 0;                // of the hidden layer of a single target in its error (in_turn.h)
  i64 column;                     // of the tile's first negative
  bool first;                     // tile of the set
  bool last;                      // tile of the set
};

template <int Q>
INLINE void move(Vector* to, const Vector* from) {
  UNROLL
  for (int j = 0; j < Q; j++) to[j] = from[j];
}

// Updates the vectors from q to q + Q of all rows, each of which is read once and written once. N is the tile's number
// of negatives. JOINED: the errors join their drift. SAME: both coefficients are the same. WHOLE: the tile has all
// negatives.
template <int N, int Q, bool JOINED, bool SAME, bool WHOLE>
INLINE void update(const Update& set, i64 q) {
  Vector was[N * Q];
  Vector now[N * Q];
  UNROLL
  for (int n = 0; n < N; n++) {
    move<Q>(was + n * Q, vectors(set.negatives[n]) + q);
    move<Q>(now + n * Q, was + n * Q);
  }
  // The drift that errors join stays in registers from one target to the next of its sentence.
  const Moves moves = set.moves;
  Vector* drift = nullptr;
  Vector moved[Q];
  UNROLL
  for (int j = 0; j < Q; j++) moved[j] = Vector{};
  for (i64 i = 0; i < set.targets; i++) {
    const float* coefficient = set.coefficients + i;
    const float* row_coefficient = SAME ? coefficient : set.row_coefficients + i;
    Vector* hidden = vectors(set.hidden + i * set.stride) + q;
    Vector* errors = vectors(set.errors + i * set.stride) + q;
    Vector x[Q];
    Vector error[Q];
    UNROLL
    for (int j = 0; j < Q; j++) x[j] = hidden[j];
    if (WHOLE || set.first) {
      Vector* own = vectors(set.own[i]) + q;
      UNROLL
      for (int j = 0; j < Q; j++) {
        const Vector row = own[j];
        error[j] = coefficient[0] * row;
        own[j] = row + row_coefficient[0] * x[j];
      }
    } else {
      UNROLL
      for (int j = 0; j < Q; j++) error[j] = errors[j];
    }
    UNROLL
    for (int n = 0; n < N; n++) {
      const i64 column = ((WHOLE ? 1 : set.column) + n) * set.pitch;
      const Vector c = all(coefficient[column]);
      const Vector r = SAME ? c : all(row_coefficient[column]);
      UNROLL
      for (int j = 0; j < Q; j++) {
        error[j] += c * was[n * Q + j];
        now[n * Q + j] += r * x[j];
      }
    }
    if (WHOLE || set.last) {
      if (set.error_scale) {
        UNROLL
        for (int j = 0; j < Q; j++) error[j] *= set.error_scale[i];
      }
      move<Q>(hidden, error);
      if (JOINED) {
        Vector* next = vectors(moves.drift[i]) + q;
        if (next != drift) {
          if (drift) move<Q>(drift, moved);
          drift = next;
          move<Q>(moved, drift);
        }
        UNROLL
        for (int j = 0; j < Q; j++) moved[j] += moves.weight[i] * error[j];
      }
    } else {
      UNROLL
      for (int j = 0; j < Q; j++) errors[j] = error[j];
    }
  }
  if (drift) move<Q>(drift, moved);
  UNROLL
  for (int n = 0; n < N; n++) move<Q>(vectors(set.negatives[n]) + q, now + n * Q);
}

// The same for a set of M targets, whose hidden layers and errors stay in registers while all rows pass by. ALONG: a
// part of the error is along the hidden layer.
template <int M, int Q, bool JOINED, bool ALONG>
INLINE void update_by_few(const Update& set, i64 negatives, i64 q) {
  Vector x[M * Q];
  Vector error[M * Q];
  UNROLL
  for (int m = 0; m < M; m++) {
    move<Q>(x + m * Q, vectors(set.hidden + m * set.stride) + q);
    Vector* own = vectors(set.own[m]) + q;
    const Vector c = all(set.coefficients[m]);
    UNROLL
    for (int j = 0; j < Q; j++) {
      const Vector row = own[j];
      error[m * Q + j] = c * row;
      if (ALONG) error[m * Q + j] += set.along * x[m * Q + j];
      own[j] = row + c * x[m * Q + j];
    }
  }
  for (i64 n = 0; n < negatives; n++) {
    Vector* negative = vectors(set.negatives[n]) + q;
    const float* coefficient = set.coefficients + (1 + n) * set.pitch;
    Vector was[Q];
    Vector now[Q];
    move<Q>(was, negative);
    move<Q>(now, was);
    UNROLL
    for (int m = 0; m < M; m++) {
      const Vector c = all(coefficient[m]);
      UNROLL
      for (int j = 0; j < Q; j++) {
        error[m * Q + j] += c * was[j];
        now[j] += c * x[m * Q + j];
      }
    }
    move<Q>(negative, now);
  }
  UNROLL
  for (int m = 0; m < M; m++) {
    if (set.error_scale) {
      UNROLL
      for (int j = 0; j < Q; j++) error[m * Q + j] *= set.error_scale[m];
    }
    move<Q>(vectors(set.hidden + m * set.stride) + q, error + m * Q);
  }
  if (!JOINED) return;
  Vector* drift = vectors(set.moves.drift[0]) + q;
  Vector moved[Q];
  move<Q>(moved, drift);
  UNROLL
  for (int m = 0; m < M; m++) {
    Vector* next = vectors(set.moves.drift[m]) + q;
    if (next != drift) {
      move<Q>(drift, moved);
      drift = next;
      move<Q>(moved, drift);
    }
    UNROLL
    for (int j = 0; j < Q; j++) moved[j] += set.moves.weight[m] * error[m * Q + j];
  }
  move<Q>(drift, moved);
}

}  // namespace
