// Hidden layers from context rows, and errors back to them, each context row read once per block.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"
#include "targets.h"

namespace {

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
    job.with_rows([&](auto rows) {
      if (wide())
        read_as<true>(rows, stream, targets);
      else
        read_as<false>(rows, stream, targets);
    });
  }

  // Adds the targets' errors to the rows of their context.
  void write(const Stream& stream, const Targets<ROW>& targets) {
    job.with_rows([&](auto rows) {
      if (wide())
        write_as<true>(rows, stream, targets);
      else
        write_as<false>(rows, stream, targets);
    });
  }

 private:
  static constexpr i64 FEW_PLACES = 14;  // on either side of a target: rings of 32

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

  // Where windows hold many more places than are the edge of one, the rings are read and written at those alone. In
  // small rings that does not pay: edges are at random places, and the processor guesses them wrong.
  bool wide() const { return job.reach > max(job.T / 2, FEW_PLACES); }

  template <class AnyRows>
  INLINE Vector* in_ring(const AnyRows& rows, float* first, i64 place) const {
    return vectors(first + (place & (ring - 1)) * rows.stride());
  }
  uint8_t& edge(i64 place) const { return edges[place & (span - 1)]; }

  template <class AnyRows>
  INLINE void prefetch_later(const AnyRows& rows, const Stream& stream, i64 place) const {
    rows.prefetch(rows.input(stream.id[min(place + 4, stream.n - 1)]));
  }

  template <bool WIDE, class AnyRows>
  void read_as(const AnyRows& rows, const Stream& stream, const Targets<ROW>& targets) {
    const i64 end = targets.last_place(stream);
    const bool mean = job.call.cbow_mean;
    i64 place = targets.first_place(stream);
    if (WIDE) {
      for (i64 i = 0; i < targets.count(); i++) {
        edge(targets.low[i]) = 1;
        edge(targets.high[i]) = 1;
      }
    }
    Vector sum[AnyRows::ROW_AT_MOST];
    Vector* before = in_ring(rows, sums, place);
    rows.each_vector([&](i64 q) {
      sum[q] = Vector{};
      before[q] = Vector{};
    });
    for (i64 i = 0; i < targets.count(); i++) {
      const i64 stop = min(end, targets.begin + i + job.reach + 1);
      while (place < stop) {
        prefetch_later(rows, stream, place);
        const Vector* x = vectors(rows.load(rows.input(stream.id[place]), loaded));
        rows.each_vector([&](i64 q) { sum[q] += x[q]; });
        place++;
        if (WIDE && !edge(place)) continue;
        before = in_ring(rows, sums, place);
        rows.each_vector([&](i64 q) { before[q] = sum[q]; });
      }
      const float share = targets.share[i];
      const Vector scale = all(mean || share == 0.f ? share : 1.f);
      const Vector* low = in_ring(rows, sums, targets.low[i]);
      const Vector* high = in_ring(rows, sums, targets.high[i]);
      const Vector* own = vectors(rows.load(rows.input(stream.id[targets.begin + i]), loaded));
      Vector* hidden = vectors(targets.row(rows, i));
      rows.each_vector([&](i64 q) { hidden[q] = (high[q] - low[q] - own[q]) * scale; });
    }
  }

  template <bool WIDE, class AnyRows>
  void write_as(const AnyRows& rows, const Stream& stream, const Targets<ROW>& targets) {
    const i64 end = targets.last_place(stream);
    const float* input_scale = job.call.input_scale;
    i64 place = targets.first_place(stream);
    Vector sum[AnyRows::ROW_AT_MOST];
    rows.each_vector([&](i64 q) { sum[q] = Vector{}; });
    // Changes the rows up to `stop`, which no later window reaches, and leaves the ring zero behind them.
    auto finish = [&](i64 stop) __attribute__((always_inline)) {
      for (; place < stop; place++) {
        prefetch_later(rows, stream, place);
        const int32_t word = stream.id[place];
        Vector* difference = in_ring(rows, differences, place);
        float* row = rows.input(word);
        Vector* x = vectors(rows.load(row, loaded));
        const bool inside = targets.has(place);
        const Vector* own = vectors(inside ? targets.row(rows, place - targets.begin) : zero);
        const Vector scale = all(input_scale ? input_scale[word] : 1.f);
        if (WIDE && !inside && !edge(place)) {
          rows.each_vector([&](i64 q) { x[q] += sum[q] * scale; });
          rows.store(row, loaded);
          continue;
        }
        if (WIDE) edge(place) = 0;
        rows.each_vector([&](i64 q) {
          sum[q] += difference[q];
          difference[q] = Vector{};
          x[q] += (sum[q] - own[q]) * scale;
        });
        rows.store(row, loaded);
      }
    };
    for (i64 i = 0; i < targets.count(); i++) {
      finish(targets.begin + i - job.reach);
      const Vector* errors = vectors(targets.row(rows, i));
      Vector* low = in_ring(rows, differences, targets.low[i]);
      Vector* high = in_ring(rows, differences, targets.high[i]);
      rows.each_vector([&](i64 q) {
        const Vector error = errors[q];
        low[q] += error;
        high[q] -= error;
      });
    }
    finish(end);
    Vector* behind = in_ring(rows, differences, end);
    rows.each_vector([&](i64 q) { behind[q] = Vector{}; });
    if (WIDE) edge(end) = 0;
  }
};

}  // namespace
