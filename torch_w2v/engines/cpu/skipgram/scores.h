// Scores of the pairs of a part, from the rows as they are at its start, and the coefficients of the updates.
#pragma once

#include "../job.h"
#include "../memory.h"
#include "../tiles.h"
#include "bfloat16.h"
#include "lanes.h"
#include "positives.h"
#include "products.h"
#include "shared_sets.h"

namespace {

template <int ROW>
struct Scores {
  // Negatives whose scores with all inputs are summed in registers at once.
  static constexpr int NEGATIVES = W == 16 ? 8 : W == 8 ? 4 : 2;
  static constexpr int POSITIVES = 5;

  const Job<ROW>& job;

  Lanes* pushes;  // (N + 1) coefficients of the pairs with a negative; the last ones are zeros
  float* pulls;   // coefficients of the pairs with positives, input after input
  i64 first_pull[LANES_OF_BLOCK];
  // Where the kernel ROUNDS, pushes as Halves: those of two inputs and a negative, (N, LANES_OF_BLOCK / 2), and those
  // of an input and two negatives, (N / 2, LANES_OF_BLOCK).
  int32_t* pushes_of_inputs;
  int32_t* pushes_of_negatives;

  double loss = 0;           // in nats
  double pairs = 0;          // weight of the pairs in the loss
  bool counts_loss = false;  // of the block that is trained next

  Scores(const Job<ROW>& j, Memory& memory)
      : job(j),
        pushes(memory.array<Lanes>(job.N + 1)),
        pulls(memory.array<float>(most_pulls())),
        pushes_of_inputs(halves_of_pushes(memory)),
        pushes_of_negatives(halves_of_pushes(memory)),
        products(j, memory),
        sums(memory.array<Vector>(most_pulls())) {
    if (!memory.failed) pushes[job.N] = Lanes{};
  }

  // Computes the coefficients of `inputs` inputs, whose rows are `x`, with the present set and part.
  void compute(const float* const* x, i64 inputs, const Positives<ROW>& positives, SharedSets<ROW>& set, float alpha) {
    products.take(x, inputs, set);
    Lanes count = {};
    for (i64 m = 0; m < inputs; m++) count.set(m, static_cast<float>(positives.count[m]));
    i64 most = 0;
    for (i64 m = 0; m < inputs; m++) most = max(most, positives.count[m]);
    most_positives = static_cast<float>(most);
    const float share = static_cast<float>(static_cast<double>(job.call.negative) / static_cast<double>(job.N));
    if (alpha * share * most_positives * set.most_times > AT_ONCE)
      for (i64 m = 0; m < inputs; m++) squares_of_inputs.set(m, square_of(x[m]));
    const i64 tiles_left = LANES_OF_BLOCK / 4;
    i64 k = 0;
    for (; k + NEGATIVES <= job.N; k += NEGATIVES) {
      with_negatives<NEGATIVES>(k, inputs, set, count, share, alpha);
      set.prefetch((job.N - k) / NEGATIVES + tiles_left);
    }
    for (; k + 4 <= job.N; k += 4) with_negatives<4>(k, inputs, set, count, share, alpha);
    for (; k < job.N; k++) with_negatives<1>(k, inputs, set, count, share, alpha);
    if (ROUNDS) round_pushes();
    with_positives(x, inputs, positives, set, alpha);
  }

 private:
  // How far a negative may move inputs at once, in steps of full errors; else they meet it in so many steps at most.
  // AT_ONCE and MOST_STEPS in reference_skipgram.py.
  static constexpr float AT_ONCE = 0.5f;
  static constexpr i64 MOST_STEPS = 64;

  float most_positives = 0;      // of an input in the present part
  Lanes squares_of_inputs = {};  // of their rows, where an input meets a negative in turn

  Products<ROW> products;
  Vector* sums;  // (pairs) products with positives, not yet summed over lanes

  i64 most_pulls() const { return LANES_OF_BLOCK * 2 * job.reach + W; }
  int32_t* halves_of_pushes(Memory& memory) const {
    return memory.array<int32_t>(ROUNDS ? (job.N + 1) / 2 * LANES_OF_BLOCK : 0);
  }

  void round_pushes() {
    for (i64 k = 0; k < job.N; k += 2) {
      const float* first = reinterpret_cast<const float*>(pushes + k);
      const float* second = first + LANES_OF_BLOCK;
      UNROLL
      for (int m = 0; m < LANES_OF_BLOCK; m += W) {
        const i64 at = k / 2 * LANES_OF_BLOCK + m;
        store_halves(pushes_of_negatives + at, zipped(load(first + m), load(second + m)));
        store_halves(pushes_of_inputs + at, in_order(load(first + 2 * m), load(first + 2 * m + W)));
      }
    }
  }

  template <int N>
  INLINE void with_negatives(i64 k, i64 inputs, const SharedSets<ROW>& set, const Lanes& count, float share,
                             float alpha) {
    Lanes score[N];
    products.template compute<N>(score, k, set);
    // A negative with a score beyond that is skipped.
    const float most = static_cast<float>(job.call.largest_score);
    const int parts = static_cast<int>((inputs + W - 1) / W);
    UNROLL
    for (int n = 0; n < N; n++) {
      const float scale = -alpha * share * set.times[k + n];
      Lanes weight = count;
      if (set.skipped[k + n]) {
        const Lanes& skip = set.skips[set.skipped[k + n] - 1];
        for (int part = 0; part < parts; part++) weight.part[part] -= skip.part[part];
      }
      if (-scale * most_positives > AT_ONCE) {
        meet_in_turn(k + n, score[n], weight, scale, set);
      } else {
        for (int part = 0; part < parts; part++) {
          const Vector z = score[n].part[part];
          const Vector push = sigmoid(z) * (weight.part[part] * scale);
          pushes[k + n].part[part] = z < most ? push : Vector{};
        }
      }
      if (counts_loss) {
        for (i64 m = 0; m < inputs; m++) {
          const double w = static_cast<double>(weight.part[m / W][m % W]) * static_cast<double>(set.times[k + n]) *
                           static_cast<double>(job.call.negative) / static_cast<double>(job.N);
          loss += softplus(score[n].part[m / W][m % W], w);
          pairs += w;
        }
      }
    }
  }

  // Coefficients of a negative that inputs meet so often that each time must see what the times before have done.
  void meet_in_turn(i64 k, const Lanes& score, const Lanes& weight, float scale, const SharedSets<ROW>& set) {
    const float most = static_cast<float>(job.call.largest_score);
    const i64 each = (job.call.negative + job.N - 1) / job.N;
    const i64 steps = min(MOST_STEPS, static_cast<i64>(set.times[k] * most_positives) * each);
    const float square = square_of(set.rows[k]);
    for (int part = 0; part < PARTS; part++) {
      const Vector step = weight.part[part] * (scale / static_cast<float>(steps));
      const Vector squares = squares_of_inputs.part[part] + square;
      Vector z = score.part[part];
      Vector push = {};
      for (i64 i = 0; i < steps; i++) {
        const Vector by = z < most ? sigmoid(z) * step : Vector{};
        push += by;
        z += by * squares;
      }
      pushes[k].part[part] = push;
    }
  }

  float square_of(const float* row) const {
    Vector sum[1] = {};
    each_piece<1>(job.floats(), [&](auto piece) {
      Vector numbers[1];
      piece.read(numbers, row);
      sum[0] += numbers[0] * numbers[0];
    });
    return sum_all_lanes<1, 1>(sum, 1)[0];
  }

  void with_positives(const float* const* x, i64 inputs, const Positives<ROW>& positives, SharedSets<ROW>& set,
                      float alpha) {
    i64 n = 0;
    for (i64 m = 0; m < inputs; m++) {
      first_pull[m] = n;
      float* const* rows = positives.rows + positives.first[m];
      tiles<POSITIVES>(positives.count[m], [&](i64 i, auto size) {
        constexpr int N = decltype(size)::value;
        Vector sum[N] = {};
        const float* row[N];
        UNROLL
        for (int j = 0; j < N; j++) row[j] = rows[i + j];
        each_piece<1>(job.floats(), [&](auto piece) {
          Vector own[1];
          piece.read(own, x[m]);
          UNROLL
          for (int j = 0; j < N; j++) {
            Vector other[1];
            piece.read(other, row[j]);
            sum[j] += own[0] * other[0];
          }
        });
        UNROLL
        for (int j = 0; j < N; j++) sums[n + i + j] = sum[j];
      });
      n += positives.count[m];
      if (m % 4 == 3) set.prefetch((inputs - m) / 4 + 1);
    }
    set.prefetch(1);
    for (i64 i = n; i % W; i++) sums[i] = Vector{};
    for (i64 i = 0; i < n; i += W) {
      const Vector score = sum_lanes<W>(sums + i);
      store(pulls + i, sigmoid(-score) * alpha);
      if (counts_loss) {
        for (i64 lane = 0; lane < min(W, n - i); lane++) loss += softplus(-static_cast<double>(score[lane]));
      }
    }
    pairs += counts_loss ? static_cast<double>(n) : 0.0;
  }
};

}  // namespace
