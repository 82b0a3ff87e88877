// Hidden layers that follow what errors of earlier groups do to the rows of their context: the layouts with `fresh`.
#pragma once

#include "few_words.h"
#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"
#include "tiles.h"

namespace {

// docs/explanation/algorithm.md has the formula and the reason.
template <int ROW>
struct Drift {
  const Job<ROW>& job;

  Drift(const Job<ROW>& j, Memory& memory) : job(j) {
    if (!job.call.fresh) return;
    const i64 slots = job.S * job.set_targets;
    const i64 places_at_most = job.T + 2 * job.reach + 1;
    drift = memory.array<float>(job.T * job.stride());
    row = memory.array<float*>(slots);
    pull = memory.array<float>(slots);
    weight = memory.array<float>(slots);
    before = memory.array<double>(places_at_most + 1);
    read = memory.array<int32_t>(places_at_most + 1);
    total = memory.array<int32_t>(places_at_most + W);
    entry = memory.array<int32_t>(places_at_most);
    bits = 4;
    while ((i64{1} << bits) < 2 * places_at_most) bits++;
    known = memory.array<int32_t>(i64{1} << bits);
    count = memory.array<int32_t>(i64{1} << bits);
  }

  // Starts a block: how much each target moves the others and is moved, and no drift yet.
  void start(const Stream& stream, const Targets<ROW>& targets, const FewWords<ROW>* few_words) {
    i64 sentences = 0;
    i64 next = 0;
    for (i64 begin = 0; begin < targets.count(); begin = next) {
      const int32_t first = stream.first[targets.begin + begin];
      next = begin + 1;
      while (next < targets.count() && stream.first[targets.begin + next] == first) next++;
      float* rows = drift + sentences * job.stride();
      std::memset(rows, 0, sizeof(float) * static_cast<size_t>(job.stride()));
      sentences++;
      const double all_pairs =
          few_words ? few_words->pairs(targets, begin, next, weight) : count_pairs(stream, targets, begin, next);
      for (i64 i = begin; i < next; i++) {
        const int32_t slot = targets.slot[i];
        const double context = job.call.cbow_mean ? static_cast<double>(targets.context(i)) : 1;
        row[slot] = rows;
        pull[slot] = weight[slot] > 0 ? static_cast<float>(weight[slot] / (all_pairs * context)) : 0.f;
      }
    }
  }

  // How a group's hidden layers follow the errors of the groups before, and its errors join them.
  Moves moves(i64 group) const {
    const i64 slot = group * job.group_targets;
    return {row + slot, pull + slot, weight + slot};
  }

 private:
  // Up to so many places are compared with each other.
  static constexpr i64 COMPARED = 16 * W;

  float* drift = nullptr;    // (T, stride) per sentence of the block: its targets' errors times their weights
  double* before = nullptr;  // (T + 2 reach + 2) a sum over the places before

  // (S * set_targets) by slot:
  float** row = nullptr;  // the drift of the target's sentence
  float* pull = nullptr;  // how far the hidden layer follows it
  // Pairs of places with the same word, one in the target's window, one in any of its sentence.
  float* weight = nullptr;

  // (T + 2 reach + 1) by place that a sentence's targets reach:
  int32_t* read = nullptr;   // how many of them read it
  int32_t* total = nullptr;  // the same of all places with its word
  int32_t* entry = nullptr;  // its word's entry in the hash table

  // The hash table is smaller than an array over the vocabulary.
  int bits = 0;
  int32_t* known = nullptr;  // (2^bits) words, -1 where there is none
  int32_t* count = nullptr;  // (2^bits) how often each is read

  // Fills in the pairs of the targets from `begin` to `end`, which are of one sentence, each counted by its word's
  // scale; returns their sum. A target does not read its own place.
  double count_pairs(const Stream& stream, const Targets<ROW>& targets, i64 begin, i64 end) {
    i64 low = targets.low[begin];
    i64 high = targets.high[begin];
    for (i64 i = begin + 1; i < end; i++) {
      low = min(low, targets.low[i]);
      high = max(high, targets.high[i]);
    }
    const int32_t* words = stream.id + low;
    const i64 places = high - low;
    std::memset(read, 0, sizeof(int32_t) * static_cast<size_t>(places + 1));
    for (i64 i = begin; i < end; i++) {
      read[targets.low[i] - low]++;
      read[targets.high[i] - low]--;
    }
    int32_t windows = 0;
    for (i64 c = 0; c < places; c++) {
      windows += read[c];
      const i64 target = low + c - targets.begin;
      read[c] = windows - (target >= begin && target < end);
    }
    if (places <= COMPARED)
      compare(words, places);
    else
      look_up(words, places);
    const float* scale = job.call.input_scale;
    double sum = 0;
    for (i64 c = 0; c < places; c++) {
      before[c] = sum;
      sum += scale ? total[c] * static_cast<double>(scale[words[c]]) : total[c];
    }
    before[places] = sum;
    double all_pairs = 0;
    for (i64 i = begin; i < end; i++) {
      const double window = before[targets.high[i] - low] - before[targets.low[i] - low];
      const i64 own = targets.begin + i - low;
      const double others = targets.share[i] == 0.f ? 0 : window - (before[own + 1] - before[own]);
      weight[targets.slot[i]] = static_cast<float>(others);
      all_pairs += others;
    }
    return all_pairs;
  }

  // Fills in the totals of few places by comparing each with all others.
  void compare(const int32_t* words, i64 places) {
    // Filled up with a word that is none.
    Integers these[COMPARED / W];
    const i64 blocks = (places + W - 1) / W;
    these[blocks - 1] = Integers{} - 1;
    std::memcpy(these, words, sizeof(int32_t) * static_cast<size_t>(places));
    tiles<5>(blocks, [&](i64 block, auto size) __attribute__((always_inline)) {
      constexpr int BLOCKS = decltype(size)::value;
      Integers word[BLOCKS];
      Integers sum[BLOCKS];
      UNROLL
      for (int b = 0; b < BLOCKS; b++) {
        word[b] = these[block + b];
        sum[b] = Integers{};
      }
      for (i64 c = 0; c < places; c++) {
        const Integers other = Integers{} + words[c];
        const Integers times = Integers{} + read[c];
        UNROLL
        for (int b = 0; b < BLOCKS; b++) sum[b] += word[b] == other ? times : Integers{};
      }
      std::memcpy(total + block * W, sum, sizeof sum);
    });
  }

  // Fills in the totals of many places through a hash table of their words, with linear probing.
  void look_up(const int32_t* words, i64 places) {
    std::memset(known, 0xff, sizeof(int32_t) << bits);
    const int32_t mask = (1 << bits) - 1;
    for (i64 c = 0; c < places; c++) {
      int32_t at = static_cast<int32_t>((static_cast<uint32_t>(words[c]) * 2654435769u) >> (32 - bits));
      while (known[at] != words[c] && known[at] >= 0) at = (at + 1) & mask;
      if (known[at] < 0) {
        known[at] = words[c];
        count[at] = 0;
      }
      count[at] += read[c];
      entry[c] = at;
    }
    for (i64 c = 0; c < places; c++) total[c] = count[entry[c]];
  }
};

}  // namespace
