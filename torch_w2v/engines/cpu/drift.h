// Hidden layers that follow what errors of earlier groups do to the rows of their context: the layouts with `fresh`.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"
#include "tiles.h"

namespace {

// docs/explanation/algorithm.md, "Very wide windows", has the formula and the reason.
template <int ROW>
struct Drift {
  const Job<ROW>& job;

  Drift(const Job<ROW>& j, Memory& memory) : job(j) {
    if (!job.call.fresh) return;
    const i64 slots = job.S * job.set_targets;
    drift = memory.array<float>(job.T * job.stride());
    row = memory.array<float*>(slots);
    pull = memory.array<float>(slots);
    context = memory.array<float>(slots);
    count = memory.zeros<int32_t>(job.call.V);
  }

  // Starts a block: how much each target is moved, and no drift yet.
  void start(const Stream& stream, const Targets<ROW>& targets) {
    i64 sentences = 0;
    i64 next = 0;
    for (i64 begin = 0; begin < targets.count(); begin = next) {
      const int32_t first = stream.first[targets.begin + begin];
      i64 low = targets.low[begin];
      i64 high = targets.high[begin];
      for (next = begin + 1; next < targets.count() && stream.first[targets.begin + next] == first; next++) {
        low = min(low, targets.low[next]);
        high = max(high, targets.high[next]);
      }
      const double same = same_words(stream.id + low, high - low);
      float* rows = drift + sentences * job.stride();
      std::memset(rows, 0, sizeof(float) * static_cast<size_t>(job.stride()));
      sentences++;
      for (i64 i = begin; i < next; i++) {
        const int32_t slot = targets.slot[i];
        const double times = job.call.cbow_mean ? 1 : targets.context(i);
        row[slot] = rows;
        pull[slot] = targets.share[i] == 0.f ? 0.f : static_cast<float>(same * times);
        context[slot] = static_cast<float>(targets.context(i));
      }
    }
  }

  // How a group's hidden layers follow the errors of the groups before, and its errors join them.
  Moves moves(i64 group) const {
    const i64 slot = group * job.group_targets;
    return {row + slot, pull + slot, context + slot};
  }

 private:
  // Up to so many places are compared with each other; in more, words are counted.
  static constexpr i64 COMPARED = 16 * W;

  float* drift = nullptr;    // (T, stride) per sentence of the block: its targets' errors times their context words
  int32_t* count = nullptr;  // (V) of a word in a stretch of places; zeros in between

  // (S * set_targets) by slot:
  float** row = nullptr;     // the drift of the target's sentence
  float* pull = nullptr;     // how far the hidden layer follows it
  float* context = nullptr;  // number of context words

  // The share of the pairs of n places whose words are the same, each times the word's scale.
  double same_words(const int32_t* words, i64 n) {
    const float* scale = job.call.input_scale;
    const double same = n <= COMPARED && !scale ? compare(words, n) : count_pairs(words, n, scale);
    return same / (static_cast<double>(n) * static_cast<double>(n));
  }

  static double compare(const int32_t* words, i64 n) {
    // Filled up with a word that is none.
    Integers places[COMPARED / W + 1];
    const i64 blocks = (n + W - 1) / W;
    std::memset(places, 0xff, sizeof(Integers) * static_cast<size_t>(blocks));
    std::memcpy(places, words, sizeof(int32_t) * static_cast<size_t>(n));
    Integers before = {};
    Integers within = {};
    for (i64 block = 0; block < blocks; block++) {
      const Integers these = places[block];
      const i64 start = block * W;
      for (i64 i = 0; i < start; i++) before -= these == words[i];
      for (i64 i = start; i < min(start + W, n); i++) within -= these == words[i];
    }
    i64 pairs = 0;
    // A pair of places in two blocks counts in both orders.
    for (int i = 0; i < W; i++) pairs += 2 * before[i] + within[i];
    return static_cast<double>(pairs);
  }

  double count_pairs(const int32_t* words, i64 n, const float* scale) {
    double same = 0;
    for (i64 i = 0; i < n; i++) {
      // The squares of the numbers of times, as sums of odd numbers.
      const int32_t more = 2 * count[words[i]] + 1;
      count[words[i]]++;
      same += scale ? more * scale[words[i]] : static_cast<float>(more);
    }
    for (i64 i = 0; i < n; i++) count[words[i]] = 0;
    return same;
  }
};

}  // namespace
