// One call of the kernel: its arguments, and the sizes that follow from them.
#pragma once

#include <cstring>

#include "call.h"
#include "vectors.h"

namespace {

constexpr i64 LONGEST_ROW = 4096;  // floats; MAX_VECTOR_SIZE in engine.py

// Rows of words below this number are not prefetched early: row order is order of frequency, so these are in the cache
// already, or another thread has just changed them and will again.
constexpr int32_t FREQUENT = 256;

constexpr i64 vectors_of(i64 floats) { return (floats + W - 1) / W; }

// The rows of a call's tables. ROW is the number of vectors in a row where the compiler is to know it, else 0.
template <int ROW>
struct Rows {
  // Vectors of an array on the stack that holds one row.
  static constexpr i64 ROW_AT_MOST = ROW ? ROW : LONGEST_ROW / W;

  // Longer rows, and any in fewer registers, are faster as a loop.
  static constexpr int UNROLLED = W == 16 ? 24 : 0;

  const Call& call;

  // Vectors of a row that are computed; smaller ones than those of 16 floats need not fill it up to the stride.
  i64 row_vectors() const { return ROW ? ROW : vectors_of(call.columns); }
  i64 stride() const { return ROW ? (ROW * W + 15) / 16 * 16 : call.stride; }
  // Whether the rows of the tables are whole vectors. Where the compiler knows the length of a row they are.
  bool direct() const { return ROW || call.direct; }
  // Floats of a row that are read and written.
  i64 floats() const { return direct() ? row_vectors() * W : call.columns; }
  i64 pitch() const { return ROW ? stride() : call.pitch; }
  float* input(i64 word) const { return call.inputs + word * pitch(); }
  float* output(i64 word) const { return call.outputs + word * pitch(); }

  // A row of a table as whole vectors: where it is, or a copy in `scratch`, which `store` copies back.
  float* load(float* row, float* scratch) const {
    if (direct()) return row;
    std::memcpy(scratch, row, sizeof(float) * static_cast<size_t>(call.columns));
    return scratch;
  }
  void store(float* row, const float* loaded) const {
    if (!direct()) std::memcpy(row, loaded, sizeof(float) * static_cast<size_t>(call.columns));
  }

  // Calls f(q) for each vector of a row. Where the vectors of a few rows fit the registers there is no loop.
  template <class Function>
  INLINE void each_vector(Function f) const {
    if constexpr (ROW > 0 && ROW <= UNROLLED) {
      UNROLL
      for (int q = 0; q < ROW; q++) f(q);
    } else {
      for (i64 q = 0; q < row_vectors(); q++) f(q);
    }
  }

  float square(const float* row) const {
    Vector squares = {};
    each_vector([&](i64 q) { squares += vectors(row)[q] * vectors(row)[q]; });
    float sum = 0;
    for (int lane = 0; lane < W; lane++) sum += squares[lane];
    return sum;
  }

  // Into the first cache, to be changed.
  void prefetch(const float* row) const {
    for (i64 d = 0; d < pitch(); d += 16) __builtin_prefetch(row + d, 1);
  }
  // Into the second cache, early.
  void prefetch_early(const float* row) const {
    for (i64 d = 0; d < pitch(); d += 16) __builtin_prefetch(row + d, 0, 2);
  }
};

// One call, and the sizes that follow from its arguments.
template <int ROW>
struct Job : Rows<ROW> {
  using Rows<ROW>::call;
  const i64 T;
  const i64 S;
  const i64 N;
  const i64 G;
  const i64 K1;             // N + 1: a target's own row and the negatives
  const i64 reach;          // places that a window covers on either side at most
  const i64 set_targets;    // targets of a set at most: T / S, rounded up
  const i64 groups;         // of G sets, which are trained at once
  const i64 group_targets;  // of a group at most
  const i64 group_words;    // numbers of a group's words at most, rounded up to whole vectors

  // Where G > 1 a set has a single target: engine.py sees to it.
  Job(const Call& arguments, i64 reach_of_windows)
      : Rows<ROW>{arguments},
        T(arguments.T),
        S(arguments.S),
        N(arguments.N),
        G(arguments.G),
        K1(N + 1),
        reach(reach_of_windows),
        set_targets((T + S - 1) / S),
        groups((S + G - 1) / G),
        group_targets(set_targets * G),
        group_words(((G > 1 ? group_targets * K1 : N + set_targets) + W - 1) / W * W) {}

  // Calls f with the rows, whose length the compiler is to know for the usual sizes of vectors: these loops take
  // half as long again without, those of the sets hardly longer.
  template <class Function>
  INLINE void with_rows(Function f) const {
    if constexpr (ROW == 0 && W > 4) {
      if (this->direct() && with_length<32, 50, 64, 128, 150, 200, 256>(f)) return;
    }
    f(static_cast<const Rows<ROW>&>(*this));
  }
  // Returns whether the rows have one of these lengths.
  template <int SIZE, int... SIZES, class Function>
  INLINE bool with_length(Function f) const {
    if (this->row_vectors() == vectors_of(SIZE)) {
      f(Rows<vectors_of(SIZE)>{call});
      return true;
    }
    if constexpr (sizeof...(SIZES) > 0) {
      return with_length<SIZES...>(f);
    } else {
      return false;
    }
  }
};

}  // namespace
