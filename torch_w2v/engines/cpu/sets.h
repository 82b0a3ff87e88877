// Training a group of sets: scores, their errors, and updates of output rows and hidden layers.
#pragma once

#include "copies.h"
#include "job.h"
#include "memory.h"
#include "negatives.h"
#include "targets.h"
#include "tiles.h"

namespace {

template <int ROW>
struct Sets {
  const Job<ROW>& job;
  double loss = 0;
  double pairs = 0;  // their weight in the loss

  Sets(const Job<ROW>& j, Memory& memory)
      : job(j),
        copies(j, memory),
        scores_at_most(job.group_targets * job.K1 + W),
        rows(memory.array<float*>(job.group_words)),
        errors(memory.array<float>(job.group_targets * job.stride())),
        sums(memory.array<Vector>(scores_at_most)),
        label(memory.array<float>(scores_at_most)),
        score(memory.array<float>(scores_at_most)),
        coefficient(memory.array<float>(scores_at_most)),
        scaled(memory.array<float>(scores_at_most)),
        ones(memory.array<float>(job.group_targets)) {
    if (memory.failed) return;
    for (i64 i = 0; i < scores_at_most; i++) label[i] = i % job.K1 ? 0.f : 1.f;
    for (i64 i = 0; i < job.group_targets; i++) ones[i] = 1.f;
  }

  // Trains a group: its targets' errors replace their hidden layers.
  void train(const Targets<ROW>& targets, Negatives<ROW>& negatives, i64 number, float alpha) {
    const Group group = group_of(targets, negatives, number);
    for (i64 i = 0; i < group.rows; i++) rows[i] = job.output(group.words[i]);
    if (number + 1 < job.groups) prefetch_next(group);
    const bool twice = repeated(group.words, group.rows);
    compute_scores(group, negatives, number);
    compute_coefficients(group, alpha);
    if (twice || targets.lonely || job.call.compute_loss) leave_out(group);
    if (twice) copies.part(group.words, group.rows, rows);
    update_rows(group, job.call.output_scale ? scale_coefficients(group) : coefficient);
    copies.join();
  }

 private:
  struct Group {
    i64 targets;
    i64 rows;
    const int32_t* words;
    float* hidden;       // (targets, stride)
    const float* share;  // (targets)
    // Among the rows, from one target to the next: its own row, and its negatives. Those of a single set are shared.
    i64 own_step;
    i64 negatives_step;
  };

  Copies<ROW> copies;
  const i64 scores_at_most;
  float** rows;        // (group_words)
  float* errors;       // (group_targets, stride) between two tiles of negatives
  Vector* sums;        // (group_targets, K1) scores whose lanes are not summed yet
  float* label;        // (group_targets, K1) 1 for a target, 0 for a negative
  float* score;        // (group_targets, K1) of its own row, and of the negatives
  float* coefficient;  // (group_targets, K1) of rows in the errors
  float* scaled;       // (group_targets, K1) of hidden layers in the rows' updates
  float* ones;         // (group_targets)

  Group group_of(const Targets<ROW>& targets, const Negatives<ROW>& negatives, i64 number) const {
    const bool shared = job.G == 1;
    const i64 count = targets.in_group(number);
    const i64 slot = number * job.group_targets;
    return {count,
            shared ? job.N + count : count * job.K1,
            negatives.words + number * job.group_words,
            targets.hidden + slot * job.stride(),
            targets.share_of_slot + slot,
            shared ? 1 : job.K1,
            shared ? 0 : job.K1};
  }

  i64 own(const Group& group, i64 target) const { return job.N + target * group.own_step; }

  // The next group's rows, into the first cache. It has no more words than this one.
  void prefetch_next(const Group& group) const {
    const int32_t* next = group.words + job.group_words;
    for (i64 i = 0; i < group.rows && next[i] >= 0; i++) job.prefetch(job.output(next[i]));
  }

  void compute_scores(const Group& group, Negatives<ROW>& negatives, i64 number) {
    auto tile = [&](i64 target, auto targets) {
      constexpr int M = decltype(targets)::value;
      const i64 left = (job.groups - number) * job.group_targets - target;
      negatives.prefetch(left > M ? left / M : 1);
      tiles<TILE_NEGATIVES>(job.N, [&](i64 k, auto size) {
        constexpr int N = decltype(size)::value;
        const float* h = group.hidden + target * job.stride();
        float** v = rows + target * group.negatives_step + k;
        float** y = rows + own(group, target);
        Vector* to = sums + target * job.K1;
        if (k == 0)
          dots<M, N, true>(h, job.stride(), y, v, job.row_vectors(), to, job.K1);
        else
          dots<M, N, false>(h, job.stride(), y, v, job.row_vectors(), to + 1 + k, job.K1);
      });
    };
    if (job.G == 1) {
      tiles<TILE_TARGETS>(group.targets, tile);
    } else {
      for (i64 i = 0; i < group.targets; i++) tile(i, Constant<1>());
    }
    const i64 scores = group.targets * job.K1;
    for (i64 i = scores; i % W; i++) sums[i] = Vector{};
    for (i64 i = 0; i < scores; i += W) *vectors(score + i) = sum_lanes<W>(sums + i);
  }

  // Learning rate times (1 - sigmoid) for a target, times -sigmoid times the negative's weight for a negative.
  void compute_coefficients(const Group& group, float alpha) {
    const float weight = negative_weight();
    for (i64 i = 0; i < group.targets * job.K1; i += W) {
      const Vector l = *vectors(label + i);
      const Vector probability = sigmoid(*vectors(score + i));
      *vectors(coefficient + i) = (l - probability) * (l * (1.f - weight) + weight) * alpha;
    }
  }

  float negative_weight() const {
    return static_cast<float>(static_cast<double>(job.call.negative) / static_cast<double>(job.N));
  }

  // A target without context trains nothing, and a negative equal to the target is skipped. Adds up the loss of the
  // rest.
  void leave_out(const Group& group) {
    for (i64 i = 0; i < group.targets; i++) {
      float* c = coefficient + i * job.K1;
      if (group.share[i] == 0.f) {
        for (i64 k = 0; k < job.K1; k++) c[k] = 0.f;
        continue;
      }
      const int32_t target = group.words[own(group, i)];
      const int32_t* negatives = group.words + i * group.negatives_step;
      for (i64 k = 0; k < job.N; k++)
        if (negatives[k] == target) c[1 + k] = 0.f;
      if (job.call.compute_loss) add_loss(score + i * job.K1, negatives, target);
    }
  }

  void add_loss(const float* scores, const int32_t* negatives, int32_t target) {
    const double weight = negative_weight();
    loss += softplus(-static_cast<double>(scores[0]));
    pairs += 1;
    for (i64 k = 0; k < job.N; k++) {
      if (negatives[k] == target) continue;
      loss += weight * softplus(static_cast<double>(scores[1 + k]));
      pairs += weight;
    }
  }

  const float* scale_coefficients(const Group& group) {
    const float* scale = job.call.output_scale;
    for (i64 i = 0; i < group.targets; i++) {
      const i64 first = i * job.K1;
      const int32_t* negatives = group.words + i * group.negatives_step;
      scaled[first] = coefficient[first] * scale[group.words[own(group, i)]];
      for (i64 k = 0; k < job.N; k++) scaled[first + 1 + k] = coefficient[first + 1 + k] * scale[negatives[k]];
    }
    return scaled;
  }

  void update_rows(const Group& group, const float* row_coefficient) {
    // gensim's gradient is the mean's undivided, and the sum's divided; the exact one is the other way round.
    const bool divide = (job.call.cbow_mean != 0) == (job.call.exact_gradient != 0);
    const i64 at_once = job.G == 1 ? group.targets : 1;
    for (i64 i = 0; i < group.targets; i += at_once) {
      const i64 first = i * job.K1;
      Update set;
      set.targets = at_once;
      set.pitch = job.K1;
      set.stride = job.stride();
      set.hidden = group.hidden + i * job.stride();
      set.errors = errors;
      set.own = rows + own(group, i);
      set.coefficients = coefficient + first;
      set.row_coefficients = row_coefficient + first;
      set.error_scale = (divide ? group.share : ones) + i;
      tiles<TILE_NEGATIVES>(job.N, [&](i64 k, auto size) {
        constexpr int N = decltype(size)::value;
        set.negatives = rows + i * group.negatives_step + k;
        set.column = 1 + k;
        set.first = k == 0;
        set.last = k + N == job.N;
        if (N == job.N && row_coefficient == coefficient)
          update_tile<N, true>(set);
        else
          update_tile<N, false>(set);
      });
    }
  }

  template <int N, bool PLAIN>
  void update_tile(const Update& tile) const {
    const i64 row_vectors = job.row_vectors();
    i64 q = 0;
    for (; q + TILE_VECTORS <= row_vectors; q += TILE_VECTORS) update<N, TILE_VECTORS, PLAIN>(tile, q);
    for (; q < row_vectors; q++) update<N, 1, PLAIN>(tile, q);
  }
};

}  // namespace
