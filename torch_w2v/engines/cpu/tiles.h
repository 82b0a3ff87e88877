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

// Calls f(first, Constant<size>) for each tile of `count` things: as many of SIZE as there are, then one of the rest.
template <int SIZE, class Function>
INLINE void tiles(i64 count, Function f) {
  static_assert(SIZE <= 5);
  i64 i = 0;
  for (; i + SIZE <= count; i += SIZE) f(i, Constant<SIZE>());
  switch (count - i) {
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

// Adds what one vector of the rows contributes to the products below.
template <int M, int N, bool OWN, bool MOVED, class V>
INLINE void add_products(Part<V> part, float* h, i64 stride, const Moves& moves, const float* const* own,
                         const float* const* negatives, V* sum) {
  V x[M];
  UNROLL
  for (int m = 0; m < M; m++) {
    x[m] = part(h + m * stride);
    if (MOVED) {
      x[m] += moves.pull[m] * part(moves.drift[m]);
      part(h + m * stride) = x[m];
    }
    if (OWN) sum[m] += x[m] * part(own[m]);
  }
  UNROLL
  for (int n = 0; n < N; n++) {
    const V row = part(negatives[n]);
    UNROLL
    for (int m = 0; m < M; m++) sum[(n + OWN) * M + m] += x[m] * row;
  }
}

// Products of M hidden layers, a stride apart, with their own rows and with N rows of negatives. Each column of
// products, own first, becomes one vector with the lanes of M sums (see sum_lanes): to[0], to[pitch] and so on. Without
// OWN there is no first column. With MOVED the hidden layers follow the drift first.
template <int M, int N, bool OWN, bool MOVED, class Job>
INLINE void products(const Job& job, float* h, const Moves& moves, const float* const* own,
                     const float* const* negatives, Vector* to, i64 pitch) {
  constexpr int COLUMNS = N + OWN;
  const i64 stride = job.stride();
  Vector sum[COLUMNS * M];
  UNROLL
  for (int i = 0; i < COLUMNS * M; i++) sum[i] = Vector{};
  // Half a vector comes first: then the sums begin with its products, and need no addition.
  job.half([&](auto part) __attribute__((always_inline)) {
    using V = typename decltype(part)::Type;
    V begin[COLUMNS * M];
    UNROLL
    for (int i = 0; i < COLUMNS * M; i++) begin[i] = V{};
    add_products<M, N, OWN, MOVED>(part, h, stride, moves, own, negatives, begin);
    UNROLL
    for (int i = 0; i < COLUMNS * M; i++) sum[i] = widened(begin[i]);
  });
  for (i64 at = 0; at + W <= job.computed(); at += W)
    add_products<M, N, OWN, MOVED>(Part<Vector>{at}, h, stride, moves, own, negatives, sum);
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
  i64 column;                     // of the tile's first negative
  bool first;                     // tile of the set
  bool last;                      // tile of the set
};

template <int Q, class V>
INLINE void move(V* to, const V* from) {
  UNROLL
  for (int j = 0; j < Q; j++) to[j] = from[j];
}

// Updates Q vectors of all rows from `part` on, each of which is read once and written once. N is the tile's number of
// negatives. JOINED: the errors join their drift. SAME: both coefficients are the same. WHOLE: the tile has all
// negatives.
template <int N, int Q, bool JOINED, bool SAME, bool WHOLE, class V>
INLINE void update(const Update& set, Part<V> part) {
  V was[N * Q];
  V now[N * Q];
  UNROLL
  for (int n = 0; n < N; n++) {
    move<Q>(was + n * Q, &part(set.negatives[n]));
    move<Q>(now + n * Q, was + n * Q);
  }
  // The drift that errors join stays in registers from one target to the next of its sentence.
  const Moves moves = set.moves;
  V* drift = nullptr;
  V moved[Q];
  UNROLL
  for (int j = 0; j < Q; j++) moved[j] = V{};
  for (i64 i = 0; i < set.targets; i++) {
    const float* coefficient = set.coefficients + i;
    const float* row_coefficient = SAME ? coefficient : set.row_coefficients + i;
    V* hidden = &part(set.hidden + i * set.stride);
    V* errors = &part(set.errors + i * set.stride);
    V x[Q];
    V error[Q];
    UNROLL
    for (int j = 0; j < Q; j++) x[j] = hidden[j];
    if (WHOLE || set.first) {
      V* own = &part(set.own[i]);
      UNROLL
      for (int j = 0; j < Q; j++) {
        const V row = own[j];
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
      const V c = all<V>(coefficient[column]);
      const V r = SAME ? c : all<V>(row_coefficient[column]);
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
        V* next = &part(moves.drift[i]);
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
  for (int n = 0; n < N; n++) move<Q>(&part(set.negatives[n]), now + n * Q);
}

// The same for a set of one target, whose hidden layer and errors stay in registers while all rows pass by.
template <int Q, bool JOINED, class V>
INLINE void update_by_one(const Update& set, i64 negatives, Part<V> part) {
  V* hidden = &part(set.hidden);
  V* own = &part(set.own[0]);
  V x[Q];
  V error[Q];
  move<Q>(x, hidden);
  V c = all<V>(set.coefficients[0]);
  UNROLL
  for (int j = 0; j < Q; j++) {
    const V row = own[j];
    error[j] = c * row;
    own[j] = row + c * x[j];
  }
  for (i64 n = 0; n < negatives; n++) {
    V* negative = &part(set.negatives[n]);
    c = all<V>(set.coefficients[(1 + n) * set.pitch]);
    UNROLL
    for (int j = 0; j < Q; j++) {
      const V row = negative[j];
      error[j] += c * row;
      negative[j] = row + c * x[j];
    }
  }
  if (set.error_scale) {
    UNROLL
    for (int j = 0; j < Q; j++) error[j] *= set.error_scale[0];
  }
  move<Q>(hidden, error);
  if (!JOINED) return;
  V* drift = &part(set.moves.drift[0]);
  UNROLL
  for (int j = 0; j < Q; j++) drift[j] += set.moves.weight[0] * error[j];
}

}  // namespace
