// Products of the inputs of a part with negatives.
#pragma once

#include "../job.h"
#include "../memory.h"
#include "bfloat16.h"
#include "lanes.h"
#include "shared_sets.h"

namespace {

// Many inputs are multiplied column by column: a vector has one number of each. Few would leave most of it empty, so
// each row is multiplied with each, and the lanes of the products are summed.
template <int ROW>
struct Products {
  const Job<ROW>& job;

  Products(const Job<ROW>& j, Memory& memory)
      : job(j),
        columns(memory.array<Lanes>(job.stride())),
        rounded_inputs(rounded_rows(FEW, memory)),
        rounded_negatives(rounded_rows(job.N, memory)) {}

  // Takes `count` inputs, whose rows are `rows`.
  void take(const float* const* rows, i64 count, const SharedSets<ROW>& set) {
    inputs = rows;
    number = count;
    if (ROUNDS) round_rows(rounded_negatives, set.rows, job.N);
    if (!few())
      transpose_rows(columns, rows, count, job.floats());
    else if (ROUNDS)
      round_rows(rounded_inputs, rows, count);
  }

  // Writes the products of N negatives, from number k on, with all inputs.
  template <int N>
  INLINE void compute(Lanes* score, i64 k, const SharedSets<ROW>& set) const {
    UNROLL
    for (int n = 0; n < N; n++) score[n] = Lanes{};
    if (few())
      multiply_rows<N>(score, k, set);
    else if constexpr (ROUNDS)
      multiply_rounded_columns<N>(score, k);
    else
      multiply_columns<N>(score, set.rows + k);
  }

 private:
  // Inputs up to which rows take fewer operations than columns (lab notes, "A processor without AVX-512").
  static constexpr i64 FEW = W == 16 ? 4 : 10;

  const float* const* inputs = nullptr;  // rows
  i64 number = 0;                        // of inputs

  Lanes* columns;  // (stride) the inputs' rows, column by column
  // Where the kernel ROUNDS, rows as Halves:
  int32_t* rounded_inputs;     // (FEW, halves_of_row)
  int32_t* rounded_negatives;  // (N, halves_of_row)

  bool few() const { return number <= FEW; }

  // The last piece of a row may fill only half of what is stored.
  i64 halves_of_row() const { return (job.stride() + W) / 2; }
  int32_t* rounded_rows(i64 count, Memory& memory) const {
    return memory.array<int32_t>(ROUNDS ? count * halves_of_row() : 0);
  }

  void round_rows(int32_t* to, const float* const* rows, i64 count) const {
    for (i64 i = 0; i < count; i++) {
      each_piece<2>(job.floats(), [&](auto piece) {
        Vector numbers[2] = {};
        piece.read(numbers, rows[i]);
        store_halves(to + i * halves_of_row() + piece.at / 2, in_order(numbers[0], numbers[1]));
      });
    }
  }

  template <int N>
  INLINE void multiply_columns(Lanes* score, const float* const* negatives) const {
    const float* row[N];
    UNROLL
    for (int n = 0; n < N; n++) row[n] = negatives[n];
    for (i64 d = 0; d < job.call.columns; d++) {
      UNROLL
      for (int part = 0; part < PARTS; part++) {
        const Vector x = columns[d].part[part];
        UNROLL
        for (int n = 0; n < N; n++) score[n].part[part] += x * row[n][d];
      }
    }
  }

  template <int N>
  INLINE void multiply_rounded_columns(Lanes* score, i64 k) const {
    const int32_t* row[N];
    UNROLL
    for (int n = 0; n < N; n++) row[n] = rounded_negatives + (k + n) * halves_of_row();
    for (i64 d = 0; d < (job.call.columns + 1) / 2; d++) {
      UNROLL
      for (int part = 0; part < PARTS; part++) {
        const Halves x = reinterpret_cast<Halves>(columns[d].part[part]);
        UNROLL
        for (int n = 0; n < N; n++) score[n].part[part] = add_products(score[n].part[part], x, all_halves(row[n][d]));
      }
    }
  }

  template <int N>
  INLINE void multiply_rows(Lanes* score, i64 k, const SharedSets<ROW>& set) const {
    i64 m = 0;
    for (; m + 2 <= number; m += 2) multiply_rows_of<2, N>(score, m, k, set);
    if (m < number) multiply_rows_of<1, N>(score, m, k, set);
  }

  // The products of M inputs, from number m on.
  template <int M, int N>
  INLINE void multiply_rows_of(Lanes* score, i64 m, i64 k, const SharedSets<ROW>& set) const {
    // How many are summed over their lanes at once. `sum_all_lanes` may write zeros behind them.
    constexpr int SUMS = M * N < W ? M * N : W;
    Vector sum[M * N + W] = {};
    if constexpr (ROUNDS) {
      const int32_t* x = rounded_inputs + m * halves_of_row();
      const int32_t* negatives = rounded_negatives + k * halves_of_row();
      for (i64 d = 0; d < (job.call.columns + 1) / 2; d += W) {
        UNROLL
        for (int i = 0; i < M * N; i++)
          sum[i] = add_products(sum[i], load_halves(x + i / N * halves_of_row() + d),
                                load_halves(negatives + i % N * halves_of_row() + d));
      }
    } else {
      each_piece<1>(job.floats(), [&](auto piece) {
        Vector x[M];
        UNROLL
        for (int i = 0; i < M; i++) piece.read(x + i, inputs[m + i]);
        UNROLL
        for (int n = 0; n < N; n++) {
          Vector negative[1];
          piece.read(negative, set.rows[k + n]);
          UNROLL
          for (int i = 0; i < M; i++) sum[i * N + n] += x[i] * negative[0];
        }
      });
    }
    float scores[M * N + W];
    for (int i = 0; i < M * N; i += SUMS) store(scores + i, sum_all_lanes<SUMS, 1>(sum + i, SUMS));
    UNROLL
    for (int i = 0; i < M * N; i++) score[i % N].set(m + i / N, scores[i]);
  }
};

}  // namespace
