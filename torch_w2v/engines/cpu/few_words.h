// Blocks of few different words, as where each is there many times in a row: how often each target's window has each
// word, and hidden layers and rows by these numbers, whose work does not grow with the windows.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"

namespace {

template <int ROW>
struct FewWords {
  const Job<ROW>& job;

  FewWords(const Job<ROW>& j, Memory& memory)
      : job(j), possible(j.S == j.T && j.G == 1 && j.T <= FEW_TARGETS && places_at_most() <= FEW_PLACES) {
    if (!possible) return;
    before = memory.array<Integers>((places_at_most() + 1) * PARTS);
    times = memory.array<float>(job.T * MOST);
    word = memory.array<int32_t>(MOST);
    loaded = memory.zeros<float>(job.direct() ? 0 : MOST * job.stride());
  }

  // Counts the words of the targets' windows. Returns false where they are too many to be worth it: then nothing else
  // may be called.
  bool count(const Stream& stream, const Targets<ROW>& targets) {
    if (!possible) return false;
    if (pause > 0) {
      pause--;
      return false;
    }
    const i64 low = targets.first_place(stream);
    const i64 places = targets.last_place(stream) - low;
    const int32_t* words = stream.id + low;
    if (!find(words, places, min(MOST, places * WORDS_PER_PLACE / targets.count()))) {
      pause = PAUSE;
      return false;
    }
    const Integers* different = vectors(word);
    Integers seen[PARTS] = {};
    for (i64 c = 0; c <= places; c++) {
      UNROLL
      for (int part = 0; part < PARTS; part++) before[c * PARTS + part] = seen[part];
      if (c == places) break;
      UNROLL
      for (int part = 0; part < PARTS; part++) seen[part] -= different[part] == words[c];
    }
    for (i64 i = 0; i < targets.count(); i++) {
      const Integers* begin = before + (targets.low[i] - low) * PARTS;
      const Integers* end = before + (targets.high[i] - low) * PARTS;
      const int32_t own = stream.id[targets.begin + i];
      UNROLL
      for (int part = 0; part < PARTS; part++)
        of_target(i)[part] = __builtin_convertvector(end[part] - begin[part] + (different[part] == own), Vector);
    }
    return true;
  }

  // Fills in `weight` by slot for the targets from `begin` to `end`, which are of one sentence: pairs of places with
  // the same word, one in the target's window, one in any of theirs, each counted by its word's scale. Returns the sum.
  double pairs(const Targets<ROW>& targets, i64 begin, i64 end, float* weight) const {
    float total[MOST] __attribute__((aligned(64))) = {};
    Vector* sums = vectors(total);
    for (i64 i = begin; i < end; i++) {
      UNROLL
      for (int part = 0; part < PARTS; part++) sums[part] += of_target(i)[part];
    }
    if (const float* scale = job.call.input_scale)
      for (i64 k = 0; k < different_words; k++) total[k] *= scale[word[k]];
    double all_pairs = 0;
    for (i64 first = begin; first < end; first += W) {
      const i64 count = min(end - first, W);
      Vector lanes[W];
      for (i64 i = 0; i < count; i++) {
        lanes[i] = Vector{};
        UNROLL
        for (int part = 0; part < PARTS; part++) lanes[i] += of_target(first + i)[part] * sums[part];
      }
      const Vector of_targets = sum_all_lanes<W, 1>(lanes, count);
      for (i64 i = 0; i < count; i++) {
        weight[targets.slot[first + i]] = of_targets[i];
        all_pairs += static_cast<double>(of_targets[i]);
      }
    }
    return all_pairs;
  }

  // Computes the targets' hidden layers.
  void read(const Targets<ROW>& targets) const {
    job.with_rows([&](auto rows) { read_as(rows, targets); });
  }

  // Adds the targets' errors to the rows of their context.
  void write(const Targets<ROW>& targets) const {
    job.with_rows([&](auto rows) { write_as(rows, targets); });
  }

 private:
  // Where this was faster than windows place by place, by experiment.
  static constexpr i64 FEW_TARGETS = 16;
  static constexpr i64 FEW_PLACES = 128;
  static constexpr i64 WORDS_PER_PLACE = 4;  // different words times targets

  // Blocks that are not looked at after one of too many words: the next ones mostly have too many as well.
  static constexpr i64 PAUSE = 8;

  static constexpr i64 MOST = 16;  // different words
  static constexpr int PARTS = static_cast<int>(MOST) / W;

  const bool possible;
  i64 pause = 0;
  i64 different_words = 0;
  int32_t* word = nullptr;     // (MOST) the different words, then -1
  Integers* before = nullptr;  // (places + 1, PARTS) how often each word is there before a place
  float* times = nullptr;      // (T, MOST) how often it is in a target's window, but for the target itself
  float* loaded = nullptr;     // (MOST, stride) the words' rows, where those of the table are not in whole vectors

  i64 places_at_most() const { return job.T + 2 * job.reach; }
  Vector* of_target(i64 i) const { return vectors(times + i * MOST); }

  // Finds the different words. Returns whether they are no more than `most`.
  bool find(const int32_t* words, i64 places, i64 most) {
    std::memset(word, 0xff, MOST * sizeof *word);
    different_words = 0;
    int32_t last = -1;
    for (i64 c = 0; c < places; c++) {
      if (words[c] == last) continue;
      last = words[c];
      Integers known = {};
      UNROLL
      for (int part = 0; part < PARTS; part++) known |= vectors(word)[part] == last;
      if (any(known)) continue;
      if (different_words == most) return false;
      word[different_words++] = last;
      job.prefetch(job.input(last));
    }
    return true;
  }

  template <class AnyRows>
  void read_as(const AnyRows& rows, const Targets<ROW>& targets) const {
    const float* row[MOST];
    for (i64 k = 0; k < different_words; k++) row[k] = rows.load(rows.input(word[k]), loaded + k * rows.stride());
    for (i64 i = 0; i < targets.count(); i++) {
      const float share = targets.share[i];
      const float scale = job.call.cbow_mean || share == 0.f ? share : 1.f;
      Vector sum[AnyRows::ROW_AT_MOST];
      rows.each_vector([&](i64 q) { sum[q] = Vector{}; });
      for (i64 k = 0; k < different_words; k++) {
        const Vector c = all(times[i * MOST + k] * scale);
        const Vector* x = vectors(row[k]);
        rows.each_vector([&](i64 q) { sum[q] += c * x[q]; });
      }
      Vector* hidden = vectors(targets.row(rows, i));
      rows.each_vector([&](i64 q) { hidden[q] = sum[q]; });
    }
  }

  template <class AnyRows>
  void write_as(const AnyRows& rows, const Targets<ROW>& targets) const {
    for (i64 k = 0; k < different_words; k++) {
      const float scale = job.call.input_scale ? job.call.input_scale[word[k]] : 1.f;
      float* row = rows.input(word[k]);
      Vector* x = vectors(rows.load(row, loaded));
      Vector sum[AnyRows::ROW_AT_MOST];
      rows.each_vector([&](i64 q) { sum[q] = x[q]; });
      for (i64 i = 0; i < targets.count(); i++) {
        const Vector c = all(times[i * MOST + k] * scale);
        const Vector* errors = vectors(targets.row(rows, i));
        rows.each_vector([&](i64 q) { sum[q] += c * errors[q]; });
      }
      rows.each_vector([&](i64 q) { x[q] = sum[q]; });
      rows.store(row, loaded);
    }
  }
};

}  // namespace
