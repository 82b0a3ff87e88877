// One call of the kernel: its arguments, and the sizes that follow from them.
#pragma once

#include <cstring>

#include "call.h"
#include "vectors.h"

namespace {

constexpr i64 LONGEST_ROW = 4096;  // floats; MAX_VECTOR_SIZE in engine.py

// ROW is the number of floats that are computed of a row, where the compiler is to know it, else 0.
template <int ROW>
struct Job {
  // Longer rows, and any in fewer registers, are faster as a loop.
  static constexpr int UNROLLED = W == 16 ? 24 * W : 0;

  const Call& call;
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
      : call(arguments),
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

  // Floats of a row that are computed: those of the tables, and zeros up to whole vectors, of which the last may be
  // half.
  i64 computed() const { return ROW ? ROW : in_shorts(call.columns); }
  i64 stride() const { return ROW ? (ROW + 15) / 16 * 16 : call.stride; }
  // Whether the rows of the tables are whole vectors. Where the compiler knows the length of a row they are.
  bool direct() const { return ROW || call.direct; }
  // Floats of a row that are read and written in whole vectors where the tables have these.
  i64 floats() const { return direct() ? (computed() + W - 1) / W * W : call.columns; }
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

  // Calls f(Part) for each vector of a row. Where the vectors of a few rows fit the registers there is no loop.
  template <class Function>
  INLINE void each_vector(Function f) const {
    if constexpr (ROW > 0 && ROW <= UNROLLED) {
      UNROLL
      for (int at = 0; at + W <= ROW; at += W) f(Part<Vector>{at});
    } else {
      for (i64 at = 0; at + W <= computed(); at += W) f(Part<Vector>{at});
    }
    half(f);
  }
  // Calls f(Part) for the half vector at the end of a row, if it has one.
  template <class Function>
  INLINE void half(Function f) const {
    if constexpr (SHORT < W && ROW % W == SHORT) f(Part<Half>{ROW - SHORT});
    if constexpr (SHORT < W && ROW == 0) {
      if (computed() % W) f(Part<Half>{computed() - SHORT});
    }
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

}  // namespace
