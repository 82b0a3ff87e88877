// Hidden layers that follow what errors of earlier groups do to the rows of their context: the layouts with `fresh`.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"

namespace {

// docs/explanation/algorithm.md, "Very wide windows", has the formula and the reason.
template <int ROW>
struct Drift {
  const Job<ROW>& job;

  Drift(const Job<ROW>& j, Memory& memory) : job(j) {
    if (!job.call.fresh) return;
    drift = memory.array<float>(job.T * job.stride());
    sentence = memory.array<int32_t>(job.T);
    pull = memory.array<float>(job.T);
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
      for (i64 i = begin; i < next; i++) {
        const double times = job.call.cbow_mean ? 1 : targets.context(i);
        pull[i] = targets.share[i] == 0.f ? 0.f : static_cast<float>(same * times);
        sentence[i] = static_cast<int32_t>(sentences);
      }
      std::memset(drift + sentences * job.stride(), 0, sizeof(float) * static_cast<size_t>(job.stride()));
      sentences++;
    }
  }

  // Moves the hidden layers of a group's targets by the errors of all groups before.
  void move(const Targets<ROW>& targets, i64 group) const {
    for (i64 k = 0; k < targets.in_group(group); k++) {
      const i64 i = targets.member(group, k);
      const Vector* moved = drift_of(i);
      Vector* hidden = vectors(targets.row(i));
      job.each_vector([&](i64 q) { hidden[q] += pull[i] * moved[q]; });
    }
  }

  // Adds the errors of a group's targets.
  void add(const Targets<ROW>& targets, i64 group) {
    for (i64 k = 0; k < targets.in_group(group); k++) {
      const i64 i = targets.member(group, k);
      const Vector* error = vectors(targets.row(i));
      Vector* moved = drift_of(i);
      const float context = static_cast<float>(targets.context(i));
      job.each_vector([&](i64 q) { moved[q] += context * error[q]; });
    }
  }

 private:
  float* drift = nullptr;       // (T, stride) per sentence of the block: its targets' errors times their context words
  int32_t* sentence = nullptr;  // (T) in which each target is, from 0 on
  float* pull = nullptr;        // (T) how far a hidden layer follows the drift of its sentence
  int32_t* count = nullptr;     // (V) of a word in a stretch of places; zeros in between

  Vector* drift_of(i64 target) const { return vectors(drift + sentence[target] * job.stride()); }

  // The share of the pairs of n places whose words are the same, each times the word's scale.
  double same_words(const int32_t* words, i64 n) {
    const float* scale = job.call.input_scale;
    double same = 0;
    for (i64 i = 0; i < n; i++) {
      // The squares of the numbers of times, as sums of odd numbers.
      const int32_t more = 2 * count[words[i]] + 1;
      count[words[i]]++;
      same += scale ? more * scale[words[i]] : static_cast<float>(more);
    }
    for (i64 i = 0; i < n; i++) count[words[i]] = 0;
    return same / (static_cast<double>(n) * static_cast<double>(n));
  }
};

}  // namespace
