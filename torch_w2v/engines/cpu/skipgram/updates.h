// The updates of a part: a few inputs at a time, which see what the inputs before them have done.
#pragma once

#include "../job.h"
#include "bfloat16.h"
#include "positives.h"
#include "rows.h"
#include "scores.h"
#include "shared_sets.h"

namespace {

template <int ROW>
struct Updates {
  static constexpr i64 TOGETHER = 4;  // inputs; G in engine.py

  const Job<ROW>& job;

  explicit Updates(const Job<ROW>& j) : job(j) {}

  // Updates the rows of `inputs` inputs, `x`, of the set and of their positives. `lock` are factors on what the inputs
  // move by.
  void apply(float* const* x, const float* lock, i64 inputs, const Positives<ROW>& positives,
             const SharedSets<ROW>& set, const Scores<ROW>& scores) const {
    // Vectors of each row that are worked on at once: rows and errors of the inputs fit the registers.
    if (W == 16 || inputs <= 2)
      apply_by<2>(x, lock, inputs, positives, set, scores);
    else
      apply_by<1>(x, lock, inputs, positives, set, scores);
  }

 private:
  template <int VECTORS>
  void apply_by(float* const* x, const float* lock, i64 inputs, const Positives<ROW>& positives,
                const SharedSets<ROW>& set, const Scores<ROW>& scores) const {
    // What the registers hold (see `apply`).
    constexpr bool FOUR = W == 16 || VECTORS == 1;
    // All groups on a piece of the rows, then on the next: a piece stays in the first cache.
    each_piece<VECTORS>(job.floats(), [&](auto piece) {
      for (i64 m = 0; m < inputs; m += TOGETHER) {
        switch (min(TOGETHER, inputs - m)) {
          case 4:
            if constexpr (FOUR) update<4>(piece, m, x + m, lock + m, positives, set, scores);
            break;
          case 3:
            if constexpr (FOUR) update<3>(piece, m, x + m, lock + m, positives, set, scores);
            break;
          case 2:
            update<2>(piece, m, x + m, lock + m, positives, set, scores);
            break;
          default:
            update<1>(piece, m, x + m, lock + m, positives, set, scores);
        }
      }
    });
  }

  template <int M, int Q, bool TAIL>
  void update(const Piece<Q, TAIL>& piece, i64 first, float* const* x, const float* lock,
              const Positives<ROW>& positives, const SharedSets<ROW>& set, const Scores<ROW>& scores) const {
    Vector own[M * Q];
    Vector error[M * Q];
    UNROLL
    for (int m = 0; m < M; m++) {
      piece.read(own + m * Q, x[m]);
      UNROLL
      for (int j = 0; j < Q; j++) error[m * Q + j] = Vector{};
    }
    if constexpr (ROUNDS)
      negatives_rounded<M>(piece, first, own, error, set, scores);
    else
      negatives<M>(piece, first, own, error, set, scores);
    UNROLL
    for (int m = 0; m < M; m++) {
      float* const* rows = positives.rows + positives.first[first + m];
      const float* coefficients = scores.pulls + scores.first_pull[first + m];
      for (i64 i = 0; i < positives.count[first + m]; i++) {
        float* row = rows[i];
        const Vector c = all(coefficients[i]);
        Vector now[Q];
        piece.read(now, row);
        UNROLL
        for (int j = 0; j < Q; j++) {
          error[m * Q + j] += c * now[j];
          now[j] += c * own[m * Q + j];
        }
        piece.write(row, now);
      }
    }
    // The same word may be two of the inputs.
    UNROLL
    for (int m = 0; m < M; m++) {
      piece.read(own, x[m]);
      UNROLL
      for (int j = 0; j < Q; j++) own[j] += error[m * Q + j] * lock[m];
      piece.write(x[m], own);
    }
  }

  // Updates the rows of the set by M inputs, whose numbers are `own`, and adds to their `error`.
  template <int M, int Q, bool TAIL>
  INLINE void negatives(const Piece<Q, TAIL>& piece, i64 first, const Vector* own, Vector* error,
                        const SharedSets<ROW>& set, const Scores<ROW>& scores) const {
    for (i64 k = 0; k < job.N; k++) {
      const float* coefficient = reinterpret_cast<const float*>(scores.pushes + k) + first;
      float* row = set.rows[k];
      Vector was[Q];
      Vector now[Q];
      piece.read(was, row);
      UNROLL
      for (int j = 0; j < Q; j++) now[j] = was[j];
      UNROLL
      for (int m = 0; m < M; m++) {
        const Vector c = all(coefficient[m]);
        UNROLL
        for (int j = 0; j < Q; j++) {
          error[m * Q + j] += c * was[j];
          now[j] += c * own[m * Q + j];
        }
      }
      piece.write(row, now);
    }
  }

  // The same with products of rounded numbers, which take two inputs, or two negatives, at a time.
  template <int M, int Q, bool TAIL>
  INLINE void negatives_rounded(const Piece<Q, TAIL>& piece, i64 first, const Vector* own, Vector* error,
                                const SharedSets<ROW>& set, const Scores<ROW>& scores) const {
    constexpr int PAIRS = (M + 1) / 2;
    Halves inputs[PAIRS * Q];
    UNROLL
    for (int i = 0; i < PAIRS * Q; i++) {
      const int m = i / Q * 2;
      const int j = i % Q;
      inputs[i] = zipped(own[m * Q + j], m + 1 < M ? own[(m + 1) * Q + j] : Vector{});
    }
    for (i64 k = 0; k < job.N; k += 2) {
      float* row[2] = {set.rows[k], set.rows[k + 1]};
      Vector now[2][Q];
      piece.read(now[0], row[0]);
      piece.read(now[1], row[1]);
      Halves was[Q];
      UNROLL
      for (int j = 0; j < Q; j++) was[j] = zipped(now[0][j], now[1][j]);
      const int32_t* coefficients = scores.pushes_of_negatives + k / 2 * LANES_OF_BLOCK + first;
      UNROLL
      for (int m = 0; m < M; m++) {
        const Halves c = all_halves(coefficients[m]);
        UNROLL
        for (int j = 0; j < Q; j++) error[m * Q + j] = add_products(error[m * Q + j], was[j], c);
      }
      coefficients = scores.pushes_of_inputs + (k * LANES_OF_BLOCK + first) / 2;
      UNROLL
      for (int i = 0; i < 2 * PAIRS; i++) {
        const int n = i % 2;
        const int pair = i / 2;
        const Halves c = all_halves(coefficients[n * LANES_OF_BLOCK / 2 + pair]);
        UNROLL
        for (int j = 0; j < Q; j++) now[n][j] = add_products(now[n][j], inputs[pair * Q + j], c);
      }
      piece.write(row[0], now[0]);
      piece.write(row[1], now[1]);
    }
  }
};

}  // namespace
