// Training a group of sets: scores, their errors, and updates of output rows and hidden layers.
#pragma once

#include "copies.h"
#include "in_turn.h"
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
  double pairs = 0;          // their weight in the loss
  bool counts_loss = false;  // of the sets that are trained next

  Sets(const Job<ROW>& j, Memory& memory)
      : job(j),
        meets_in_turn((j.call.fresh || j.call.by_set) && j.S == j.T),
        copies(j, memory),
        places(j.group_words, memory),
        in_turn(j.N, memory),
        scores_at_most(job.group_targets * job.K1 + W),
        rows(memory.array<float*>(job.group_words)),
        loaded(memory.zeros<float>(job.direct() ? 0 : job.group_words * job.stride())),
        errors(memory.array<float>(job.group_targets * job.stride())),
        sums(memory.array<Vector>(scores_at_most)),
        label(memory.zeros<float>(scores_at_most + job.group_targets)),
        score(memory.array<float>(scores_at_most)),
        coefficient(memory.array<float>(scores_at_most)),
        scaled(memory.array<float>(scores_at_most)),
        moved(memory.array<float>(job.group_words)) {
    if (memory.failed) return;
    for (i64 i = 0; i < job.group_targets; i++) label[i] = 1.f;
  }

  // Trains a group: its targets' errors replace their hidden layers. `moves` is null where these follow nothing.
  void train(const Targets<ROW>& targets, Negatives<ROW>& negatives, i64 number, float alpha, const Moves* moves) {
    const Group group = group_of(targets, negatives, number);
    const bool twice = places.find(group.words, group.rows);
    load(group, twice);
    if (twice && meets_in_turn && job.G == 1 && job.call.output_scale == nullptr && group.share[0] != 0.f) {
      in_turn.gather(group.words, places.first, job.N, group.words[job.N], rows);
      if (in_turn.count > 0) return train_gathered(group, negatives, number, alpha, moves);
    }
    // The first group follows nothing, and nothing follows the last.
    compute_coefficients(group, alpha, number > 0 ? moves : nullptr);
    // Here, where the processor waits for the coefficients.
    if (number + 1 < job.groups) prefetch_next(group);
    negatives.prefetch();
    if (twice) copies.part(places.first, group.rows, rows);
    if (twice && meets_in_turn) meet_in_turn(group, alpha);
    if (twice || targets.lonely || counts_loss) leave_out(group);
    update_rows(group, job.call.output_scale ? scale_coefficients(group) : coefficient,
                number + 1 < job.groups ? moves : nullptr);
    copies.join();
    store(group, twice);
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

  const bool meets_in_turn;
  Copies<ROW> copies;
  Places places;
  InTurn in_turn;
  const i64 scores_at_most;
  float** rows;        // (group_words)
  float* loaded;       // (group_words, stride) rows of the table, where that is not in whole vectors
  float* errors;       // (group_targets, stride) between two tiles of negatives
  Vector* sums;        // (K1, targets) scores whose lanes are not summed yet
  float* label;        // (group_targets) ones, then zeros for the negatives
  float* score;        // (K1, targets) with the own row, and with the negatives
  float* coefficient;  // (K1, targets) of rows in the errors
  float* scaled;       // (K1, targets) of hidden layers in the rows' updates
  float* moved;        // (group_words) sums of coefficients of one target's negatives, at their first places

  // Trains the only target of a set with its negatives as `in_turn` has gathered them.
  void train_gathered(const Group& group, Negatives<ROW>& negatives, i64 number, float alpha, const Moves* moves) {
    if (moves && number > 0)
      compute_coefficients_with<1, true>(group, alpha, in_turn.count, moves);
    else
      compute_coefficients_with<1, false>(group, alpha, in_turn.count, nullptr);
    if (number + 1 < job.groups) prefetch_next(group);
    negatives.prefetch();
    const float square = job.square(group.hidden);
    const float weight = negative_weight();
    const float most = static_cast<float>(job.call.largest_score);
    const auto meet = [&](auto each) {
      return in_turn.meet(score + 1, coefficient + 1, alpha * weight, square, most, each);
    };
    float along;
    if (counts_loss) {
      loss += softplus(-static_cast<double>(score[0]));
      pairs += 1;
      along = meet([&](const Vector& z, const Integers& there) {
        for (int lane = 0; lane < W; lane++) {
          if (!there[lane]) continue;
          loss += softplus(static_cast<double>(z[lane]), weight);
          pairs += weight;
        }
      });
    } else {
      along = meet([](const Vector&, const Integers&) {});
    }
    Update set = update_of(group, 0, coefficient, number + 1 < job.groups ? moves : nullptr);
    set.targets = 1;
    set.along = along;
    if (set.moves.drift)
      update_few<1, 4 * TILE_VECTORS, true, true>(set, in_turn.count);
    else
      update_few<1, 4 * TILE_VECTORS, false, true>(set, in_turn.count);
    store(group, true);
  }

  Group group_of(const Targets<ROW>& targets, const Negatives<ROW>& negatives, i64 number) const {
    const bool shared = job.G == 1;
    const i64 count = targets.in_group(number);
    const i64 slot = number * job.group_targets;
    return {count,
            shared ? job.N + count : count * job.K1,
            negatives.words + number * job.group_words,
            targets.hidden_of(number),
            targets.share_of_slot + slot,
            shared ? 1 : job.K1,
            shared ? 0 : job.K1};
  }

  // Rows that are not in whole vectors are loaded once each, however often the group has them.
  void load(const Group& group, bool twice) {
    for (i64 i = 0; i < group.rows; i++) {
      const i64 first = twice && !job.direct() ? places.first[i] : i;
      rows[i] = first < i ? rows[first] : job.load(job.output(group.words[i]), loaded + i * job.stride());
    }
  }
  void store(const Group& group, bool twice) const {
    if (job.direct()) return;
    for (i64 i = 0; i < group.rows; i++)
      if (!twice || places.first[i] == i) job.store(job.output(group.words[i]), loaded + i * job.stride());
  }

  i64 own(const Group& group, i64 target) const { return job.N + target * group.own_step; }

  // The next group's rows, into the first cache. It has no more words than this one.
  void prefetch_next(const Group& group) const {
    const int32_t* next = group.words + job.group_words;
    for (i64 i = 0; i < group.rows && next[i] >= 0; i++) job.prefetch(job.output(next[i]));
  }

  // Scores are computed for 4, 2 or 1 targets at a time, whichever divides their number.
  void compute_coefficients(const Group& group, float alpha, const Moves* moves) {
    if (moves)
      compute_coefficients_of<true>(group, alpha, moves);
    else
      compute_coefficients_of<false>(group, alpha, moves);
  }

  template <bool MOVED>
  void compute_coefficients_of(const Group& group, float alpha, const Moves* moves) {
    if constexpr (TILE_TARGETS == 4) {
      if (job.G == 1 && group.targets % 4 == 0) return compute_coefficients_by<4, MOVED>(group, alpha, moves);
    }
    if (job.G == 1 && group.targets % 2 == 0) return compute_coefficients_by<2, MOVED>(group, alpha, moves);
    compute_coefficients_by<1, MOVED>(group, alpha, moves);
  }

  template <int M, bool MOVED>
  void compute_coefficients_by(const Group& group, float alpha, const Moves* moves) {
    const i64 pitch = group.targets / M;
    if (pitch == 1 && job.G == 1) {
      // The usual numbers of negatives (layouts.py).
      if (job.N == 5) return compute_coefficients_at_once<M, 5, MOVED>(group, alpha, moves);
      if constexpr (JOINS) {
        if (job.N == 6) return compute_coefficients_at_once<M, 6, MOVED>(group, alpha, moves);
      }
    }
    compute_coefficients_with<M, MOVED>(group, alpha, job.N, moves);
  }

  template <int M, bool MOVED>
  void compute_coefficients_with(const Group& group, float alpha, i64 negatives, const Moves* moves) {
    const i64 pitch = group.targets / M;
    for (i64 tile = 0; tile < pitch; tile++) {
      tiles<TILE_NEGATIVES>(negatives, [&](i64 k, auto size) {
        constexpr int N = decltype(size)::value;
        if (k == 0)
          compute_scores<M, N, true, MOVED>(group, tile, k, moves, sums + tile, pitch);
        else
          compute_scores<M, N, false, false>(group, tile, k, moves, sums + (1 + k) * pitch + tile, pitch);
      });
    }
    compute_coefficients_of_scores<M>(group, alpha, sums, (1 + negatives) * pitch);
  }

  // With all scores in registers.
  template <int M, int N, bool MOVED>
  INLINE void compute_coefficients_at_once(const Group& group, float alpha, const Moves* moves) {
    Vector sum[N + 1 + W / M];  // more than are summed: see sum_all_lanes
    compute_scores<M, N, true, MOVED>(group, 0, 0, moves, sum, 1);
    compute_coefficients_of_scores<M>(group, alpha, sum, N + 1);
  }

  // Products of M targets with N negatives from the k-th on, see `products`.
  template <int M, int N, bool OWN, bool MOVED>
  INLINE void compute_scores(const Group& group, i64 tile, i64 k, const Moves* moves, Vector* to, i64 pitch) {
    const i64 first = tile * M;
    Moves drift = {};
    if (MOVED) drift = {moves->drift + first, moves->pull + first, nullptr};
    products<M, N, OWN, MOVED>(group.hidden + first * job.stride(), job.stride(), drift, rows + own(group, first),
                               rows + first * group.negatives_step + k, job.row_vectors(), to, pitch);
  }

  // `sum` has the lanes of the scores of M targets each, `count` times, with place for W / M more.
  template <int M>
  INLINE void compute_coefficients_of_scores(const Group& group, float alpha, Vector* sum, i64 count) {
    constexpr int SUMS = W / M;
    const float weight = negative_weight();
    const float most = static_cast<float>(job.call.largest_score);
    // Ones for the targets, of which there may be fewer than in other groups, then zeros for the negatives.
    const float* labels = label + job.group_targets - group.targets;
    for (i64 i = 0; i < count; i += SUMS) {
      const Vector z = sum_all_lanes<SUMS, M>(sum + i, min(count - i, SUMS));
      Vector l;
      std::memcpy(&l, labels + i * M, sizeof l);
      *vectors(score + i * M) = z;
      // Learning rate times (1 - sigmoid) for a target, times -sigmoid times the negative's weight for a negative.
      const Vector slope = (l - sigmoid(z)) * (l * (1.f - weight) + weight) * alpha;
      *vectors(coefficient + i * M) = z * z < most * most ? slope : Vector{};
    }
  }

  float negative_weight() const {
    return static_cast<float>(static_cast<double>(job.call.negative) / static_cast<double>(job.N));
  }

  // A target that has a set of its own meets the negatives one after the other: one that is there again is as the
  // places before have left it. All of these but the first are copies.
  void meet_in_turn(const Group& group, float alpha) {
    const float weight = negative_weight();
    const float most = static_cast<float>(job.call.largest_score);
    for (i64 i = 0; i < group.targets; i++) {
      const int32_t target = group.words[own(group, i)];
      const i64 first = i * group.negatives_step;
      const int32_t* negatives = group.words + first;
      const int32_t* first_of = places.first + first;
      const Vector* h = vectors(group.hidden + i * job.stride());
      for (i64 k = 0; k < job.N; k++) moved[first_of[k]] = 0.f;
      for (i64 k = 0; k < job.N; k++) {
        if (negatives[k] == target) continue;
        float& own = coefficient[(1 + k) * group.targets + i];
        float& before = moved[first_of[k]];
        if (before != 0.f) {
          const float by = job.call.output_scale ? before * job.call.output_scale[negatives[k]] : before;
          float& z = score[(1 + k) * group.targets + i];
          z += by * copies.move(rows[first + k], h, by);
          own = z * z < most * most ? -alpha * weight * sigmoid(all(z))[0] : 0.f;
        }
        before += own;
      }
    }
  }

  // A target without context trains nothing, and a negative equal to the target is skipped. Adds up the loss of the
  // rest.
  void leave_out(const Group& group) {
    for (i64 i = 0; i < group.targets; i++) {
      const int32_t target = group.words[own(group, i)];
      const int32_t* negatives = group.words + i * group.negatives_step;
      const bool context = group.share[i] != 0.f;
      if (!context) coefficient[i] = 0.f;
      for (i64 k = 0; k < job.N; k++)
        if (!context || negatives[k] == target) coefficient[(1 + k) * group.targets + i] = 0.f;
      if (context && counts_loss) add_loss(score + i, group.targets, negatives, target);
    }
  }

  // `scores` are `pitch` apart.
  void add_loss(const float* scores, i64 pitch, const int32_t* negatives, int32_t target) {
    const double weight = negative_weight();
    loss += softplus(-static_cast<double>(scores[0]));
    pairs += 1;
    for (i64 k = 0; k < job.N; k++) {
      if (negatives[k] == target) continue;
      loss += softplus(static_cast<double>(scores[(1 + k) * pitch]), weight);
      pairs += weight;
    }
  }

  const float* scale_coefficients(const Group& group) {
    const float* scale = job.call.output_scale;
    for (i64 i = 0; i < group.targets; i++) {
      const int32_t* negatives = group.words + i * group.negatives_step;
      scaled[i] = coefficient[i] * scale[group.words[own(group, i)]];
      for (i64 k = 0; k < job.N; k++) {
        const i64 at = (1 + k) * group.targets + i;
        scaled[at] = coefficient[at] * scale[negatives[k]];
      }
    }
    return scaled;
  }

  // What an update of the targets from the i-th on has to know, but for how many they are.
  Update update_of(const Group& group, i64 i, const float* row_coefficient, const Moves* moves) const {
    // gensim's gradient is the mean's undivided, and the sum's divided; the exact one is the other way round.
    const bool divide = (job.call.cbow_mean != 0) == (job.call.exact_gradient != 0);
    Update set;
    set.pitch = group.targets;
    set.stride = job.stride();
    set.hidden = group.hidden + i * job.stride();
    set.errors = errors;
    set.own = rows + own(group, i);
    set.negatives = rows + i * group.negatives_step;
    set.coefficients = coefficient + i;
    set.row_coefficients = row_coefficient + i;
    set.error_scale = divide ? group.share + i : nullptr;
    set.moves = {};
    if (moves) set.moves = {moves->drift + i, nullptr, moves->weight + i};
    return set;
  }

  void update_rows(const Group& group, const float* row_coefficient, const Moves* moves) {
    const i64 at_once = job.G == 1 ? group.targets : 1;
    for (i64 i = 0; i < group.targets; i += at_once) {
      Update set = update_of(group, i, row_coefficient, moves);
      set.targets = at_once;
      if (row_coefficient == coefficient && (moves ? update_few<true>(set) : update_few<false>(set))) continue;
      tiles<TILE_NEGATIVES>(job.N, [&](i64 k, auto size) {
        constexpr int N = decltype(size)::value;
        set.negatives = rows + i * group.negatives_step + k;
        set.column = 1 + k;
        set.first = k == 0;
        set.last = k + N == job.N;
        if (moves && set.last)
          update_tile<N, true>(set);
        else
          update_tile<N, false>(set);
      });
    }
  }

  // Updates a set of few targets; returns whether they are few.
  template <bool JOINED>
  bool update_few(const Update& set) const {
    switch (set.targets) {
      case 1:
        update_few<1, 4 * TILE_VECTORS, JOINED, false>(set, job.N);
        return true;
      case 2:
        update_few<2, 2 * TILE_VECTORS, JOINED, false>(set, job.N);
        return true;
      case 4:
        update_few<4, TILE_VECTORS, JOINED, false>(set, job.N);
        return true;
      default:
        return false;
    }
  }
  template <int M, int Q, bool JOINED, bool ALONG>
  void update_few(const Update& set, i64 negatives) const {
    const i64 row_vectors = job.row_vectors();
    i64 q = 0;
    for (; q + Q <= row_vectors; q += Q) update_by_few<M, Q, JOINED, ALONG>(set, negatives, q);
    if constexpr (ROW % Q > 0) return update_by_few<M, ROW % Q, JOINED, ALONG>(set, negatives, q);
    for (; q < row_vectors; q++) update_by_few<M, 1, JOINED, ALONG>(set, negatives, q);
  }

  template <int N, bool JOINED>
  void update_tile(const Update& tile) const {
    if (tile.row_coefficients != tile.coefficients)
      update_tile<N, JOINED, false, false>(tile);
    else if (tile.first && tile.last)
      update_tile<N, JOINED, true, true>(tile);
    else
      update_tile<N, JOINED, true, false>(tile);
  }

  template <int N, bool JOINED, bool SAME, bool WHOLE>
  void update_tile(const Update& tile) const {
    const i64 row_vectors = job.row_vectors();
    i64 q = 0;
    for (; q + TILE_VECTORS <= row_vectors; q += TILE_VECTORS) update<N, TILE_VECTORS, JOINED, SAME, WHOLE>(tile, q);
    for (; q < row_vectors; q++) update<N, 1, JOINED, SAME, WHOLE>(tile, q);
  }
};

}  // namespace
