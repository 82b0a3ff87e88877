// Hidden layers from context rows, and errors back to them, each context row read once per block.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"

namespace {

// The sum of rows, in registers where these are enough.
template <int ROW>
struct Sum {
  Vector vector[ROW ? ROW / W : LONGEST_ROW / W];
  Half last;

  template <class V>
  INLINE V& of(Part<V> part) {
    if constexpr (sizeof(V) == sizeof(Vector))
      return vector[part.at / W];
    else
      return last;
  }
};

// A window's sum is a difference of two sums of all rows before a place, and errors go back by a difference array that
// is summed once. Both are rings: only the places within reach of a target are in use.
template <int ROW>
struct Windows {
  const Job<ROW>& job;
  const i64 ring;  // places of the rings: a power of two
  const i64 span;  // places of `edges`: a power of two, more than a block reaches

  Windows(const Job<ROW>& j, Memory& memory)
      : job(j),
        ring(power_of_two(2 * job.reach + 3)),
        span(power_of_two(ring + job.T)),
        sums(memory.array<float>(ring * job.stride())),
        differences(memory.zeros<float>(ring * job.stride())),
        zero(memory.zeros<float>(job.stride())),
        loaded(memory.zeros<float>(job.stride())),
        edges(memory.zeros<uint8_t>(span)) {}

  // Computes the targets' hidden layers.
  void read(const Stream& stream, const Targets<ROW>& targets) {
    if (wide())
      read_as<true>(stream, targets);
    else
      read_as<false>(stream, targets);
  }

  // Adds the targets' errors to the rows of their context.
  void write(const Stream& stream, const Targets<ROW>& targets) {
    if (wide())
      write_as<true>(stream, targets);
    else
      write_as<false>(stream, targets);
  }

 private:
  float* sums;         // (ring, stride) of the rows before a place
  float* differences;  // (ring, stride) of the errors at a place and at the one before; zeros between two blocks
  float* zero;         // (stride)
  float* loaded;       // (stride) a row of the table, where that is not in whole vectors
  uint8_t* edges;      // (span) whether a window begins or ends at a place

  static i64 power_of_two(i64 least) {
    i64 power = 4;
    while (power < least) power *= 2;
    return power;
  }

  // Where windows hold many more places than are the edge of one, the rings are read and written at those alone.
  bool wide() const { return job.reach > job.T / 2; }

  float* in_ring(float* rows, i64 place) const { return rows + (place & (ring - 1)) * job.stride(); }
  uint8_t& edge(i64 place) const { return edges[place & (span - 1)]; }

  // The first place that windows of these targets may reach.
  i64 first_place(const Stream& stream, const Targets<ROW>& targets) const {
    return max(stream.first[targets.begin], targets.begin - job.reach);
  }
  // The place behind the last one. Loops up to here take one step per target, whatever the windows drawn, which the
  // processor's branch prediction rewards.
  i64 last_place(const Stream& stream, const Targets<ROW>& targets) const {
    return min(min(stream.last[targets.end - 1], stream.n), targets.end + job.reach);
  }
  void prefetch_later(const Stream& stream, i64 place) const {
    job.prefetch(job.input(stream.id[min(place + 4, stream.n - 1)]));
  }

  template <bool WIDE>
  void read_as(const Stream& stream, const Targets<ROW>& targets) {
    const i64 end = last_place(stream, targets);
    const bool mean = job.call.cbow_mean;
    i64 place = first_place(stream, targets);
    if (WIDE) {
      for (i64 i = 0; i < targets.count(); i++) {
        edge(targets.low[i]) = 1;
        edge(targets.high[i]) = 1;
      }
    }
    Sum<ROW> sum;
    float* before = in_ring(sums, place);
    job.each_vector([&](auto part) { sum.of(part) = part(before) = part.zero; });
    for (i64 i = 0; i < targets.count(); i++) {
      const i64 stop = min(end, targets.begin + i + job.reach + 1);
      while (place < stop) {
        prefetch_later(stream, place);
        const float* x = job.load(job.input(stream.id[place]), loaded);
        job.each_vector([&](auto part) { sum.of(part) += part(x); });
        place++;
        if (WIDE && !edge(place)) continue;
        before = in_ring(sums, place);
        job.each_vector([&](auto part) { part(before) = sum.of(part); });
      }
      const float share = targets.share[i];
      const float scale = mean || share == 0.f ? share : 1.f;
      const float* low = in_ring(sums, targets.low[i]);
      const float* high = in_ring(sums, targets.high[i]);
      const float* own = job.load(job.input(stream.id[targets.begin + i]), loaded);
      float* hidden = targets.row(i);
      job.each_vector([&](auto part) { part(hidden) = (part(high) - part(low) - part(own)) * scale; });
    }
  }

  template <bool WIDE>
  void write_as(const Stream& stream, const Targets<ROW>& targets) {
    const i64 end = last_place(stream, targets);
    const float* input_scale = job.call.input_scale;
    i64 place = first_place(stream, targets);
    Sum<ROW> sum;
    job.each_vector([&](auto part) { sum.of(part) = part.zero; });
    // Changes the rows up to `stop`, which no later window reaches, and leaves the ring zero behind them.
    auto finish = [&](i64 stop) __attribute__((always_inline)) {
      for (; place < stop; place++) {
        prefetch_later(stream, place);
        const int32_t word = stream.id[place];
        float* difference = in_ring(differences, place);
        float* row = job.input(word);
        float* x = job.load(row, loaded);
        const bool inside = targets.has(place);
        const float* own = inside ? targets.row(place - targets.begin) : zero;
        const float scale = input_scale ? input_scale[word] : 1.f;
        if (WIDE && !inside && !edge(place)) {
          job.each_vector([&](auto part) { part(x) += sum.of(part) * scale; });
          job.store(row, loaded);
          continue;
        }
        if (WIDE) edge(place) = 0;
        job.each_vector([&](auto part) {
          sum.of(part) += part(difference);
          part(difference) = part.zero;
          part(x) += (sum.of(part) - part(own)) * scale;
        });
        job.store(row, loaded);
      }
    };
    for (i64 i = 0; i < targets.count(); i++) {
      finish(targets.begin + i - job.reach);
      const float* errors = targets.row(i);
      float* low = in_ring(differences, targets.low[i]);
      float* high = in_ring(differences, targets.high[i]);
      job.each_vector([&](auto part) {
        const auto error = part(errors);
        part(low) += error;
        part(high) -= error;
      });
    }
    finish(end);
    float* behind = in_ring(differences, end);
    job.each_vector([&](auto part) { part(behind) = part.zero; });
    if (WIDE) edge(end) = 0;
  }
};

}  // namespace
