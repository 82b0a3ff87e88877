// Hidden layers of one set's targets, and errors back to the rows of their windows: the layouts with `by_set`.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"

namespace {

// Each window is read and written by itself: a word that is there several times in a row once, times their number.
template <int ROW>
struct WindowsBySet {
  const Job<ROW>& job;

  WindowsBySet(const Job<ROW>& j, Memory& memory) : job(j) {
    if (!job.call.by_set) return;
    end_of = memory.array<int32_t>(job.set_targets);
    word = memory.array<int32_t>(job.set_targets * 2 * job.reach + 1);
    times = memory.array<float>(job.set_targets * 2 * job.reach + 1);
    loaded = memory.zeros<float>(job.stride());
  }

  // Computes the hidden layers of a set's targets.
  INLINE void read(const Stream& stream, const Targets<ROW>& targets, i64 set) {
    count = 0;
    i64 m = 0;
    for (i64 i = set; i < targets.count(); i += job.S) {
      list(stream, targets.begin + i, targets.low[i], targets.high[i]);
      end_of[m++] = static_cast<int32_t>(count);
    }
    job.with_rows([&](auto rows) { read_as(rows, targets, set); });
  }

  // Adds their errors to the rows of their context.
  INLINE void write(const Targets<ROW>& targets, i64 set) const {
    job.with_rows([&](auto rows) { write_as(rows, targets, set); });
  }

 private:
  i64 count = 0;
  int32_t* end_of = nullptr;  // (set_targets) where a target's words end, and the next one's begin
  int32_t* word = nullptr;    // (set_targets * 2 reach + 1) words of the windows
  float* times = nullptr;     // (set_targets * 2 reach + 1) how often in a row
  float* loaded = nullptr;    // (stride) a row of the table, where that is not in whole vectors

  // Lists the words of a window, but for the target itself.
  INLINE void list(const Stream& stream, i64 own, i64 low, i64 high) {
    for (i64 place = high - 1; place >= low;) {
      const i64 first = max(low, place - stream.same[place]);
      const i64 number = place - first + 1 - (first <= own && own <= place);
      word[count] = stream.id[place];
      times[count] = static_cast<float>(number);
      count += number > 0;
      place = first - 1;
    }
  }

  template <class AnyRows>
  INLINE void read_as(const AnyRows& rows, const Targets<ROW>& targets, i64 set) const {
    const bool mean = job.call.cbow_mean;
    i64 k = 0;
    for (i64 m = 0; set + m * job.S < targets.count(); m++) {
      Vector sum[AnyRows::ROW_AT_MOST];
      rows.each_vector([&](i64 q) { sum[q] = Vector{}; });
      for (; k < end_of[m]; k++) {
        const Vector* x = vectors(rows.load(rows.input(word[k]), loaded));
        const Vector number = all(times[k]);
        rows.each_vector([&](i64 q) { sum[q] += number * x[q]; });
      }
      const Vector scale = all(mean ? targets.share[set + m * job.S] : 1.f);
      Vector* hidden = vectors(targets.hidden_of(set) + m * rows.stride());
      rows.each_vector([&](i64 q) { hidden[q] = sum[q] * scale; });
    }
  }

  template <class AnyRows>
  INLINE void write_as(const AnyRows& rows, const Targets<ROW>& targets, i64 set) const {
    const float* input_scale = job.call.input_scale;
    i64 k = 0;
    for (i64 m = 0; set + m * job.S < targets.count(); m++) {
      const Vector* errors = vectors(targets.hidden_of(set) + m * rows.stride());
      for (; k < end_of[m]; k++) {
        float* row = rows.input(word[k]);
        Vector* x = vectors(rows.load(row, loaded));
        const Vector scale = all(input_scale ? times[k] * input_scale[word[k]] : times[k]);
        rows.each_vector([&](i64 q) { x[q] += errors[q] * scale; });
        rows.store(row, loaded);
      }
    }
  }
};

}  // namespace
