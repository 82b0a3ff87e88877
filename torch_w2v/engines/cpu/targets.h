// The targets of a block: their windows, and the place of their hidden layers.
#pragma once

#include "job.h"
#include "memory.h"
#include "stream.h"

namespace {

// Targets are numbered from the start of the block. Those of one set lie together: target i has the slot slot[i].
template <int ROW>
struct Targets {
  const Job<ROW>& job;

  i64 begin = 0;        // place of the first target
  i64 end = 0;          // place behind the last one
  bool lonely = false;  // one of them has no context

  int32_t* slot;         // (T)
  int32_t* low;          // (T) place where the window begins
  int32_t* high;         // (T) place behind its end
  float* share;          // (T) 1 / context words, 0 without any
  float* share_of_slot;  // (S * set_targets) the same by slot
  float* hidden;  // (S * set_targets, stride) hidden layers by slot, which their errors replace when a set is trained

  Targets(const Job<ROW>& j, Memory& memory)
      : job(j),
        slot(memory.array<int32_t>(job.T)),
        low(memory.array<int32_t>(job.T)),
        high(memory.array<int32_t>(job.T)),
        share(memory.array<float>(job.T)),
        share_of_slot(memory.array<float>(job.S * job.set_targets)),
        hidden(memory.array<float>(job.S * job.set_targets * job.stride())) {
    if (memory.failed) return;
    for (i64 i = 0; i < job.T; i++) slot[i] = static_cast<int32_t>(i % job.S * job.set_targets + i / job.S);
  }

  i64 count() const { return end - begin; }
  i64 context(i64 i) const { return high[i] - low[i] - 1; }
  bool has(i64 place) const { return place >= begin && place < end; }
  // Targets of a group.
  i64 in_group(i64 group) const {
    return job.G > 1 ? min(job.G, count() - group * job.G) : (count() - group + job.S - 1) / job.S;
  }
  template <class AnyRows>
  float* row(const AnyRows& rows, i64 i) const {
    return hidden + slot[i] * rows.stride();
  }

  // The hidden layers of a group's targets, which lie one behind the other. With `by_set` those of all sets have the
  // same place: the memory stays in the first cache. Then `row` means nothing.
  float* hidden_of(i64 group) const {
    return job.call.by_set ? hidden : hidden + group * job.group_targets * job.stride();
  }

  // The first place that the windows may reach.
  i64 first_place(const Stream& stream) const { return max(stream.first[begin], begin - job.reach); }
  // The place behind the last one. Loops up to here take one step per target, whatever the windows drawn, which the
  // processor's branch prediction rewards.
  i64 last_place(const Stream& stream) const { return min(min(stream.last[end - 1], stream.n), end + job.reach); }

  // Takes the targets at the places from `from` to `to`.
  void take(const Stream& stream, i64 from, i64 to) {
    begin = from;
    end = to;
    // For the compiler, which makes vectors of this where it knows that the arrays are different ones.
    const int32_t start = static_cast<int32_t>(from);
    const int32_t known = static_cast<int32_t>(stream.n);
    const int32_t targets = static_cast<int32_t>(to - from);
    const int32_t* __restrict first = stream.first + from;
    const int32_t* __restrict last = stream.last + from;
    const int32_t* __restrict width = stream.width + from;
    int32_t* __restrict begins = low;
    int32_t* __restrict ends = high;
    float* __restrict shares = share;
    float least = 1.f;
    for (int32_t i = 0; i < targets; i++) {
      const int32_t before = start + i - width[i];
      const int32_t behind = start + i + width[i] + 1;
      const int32_t stop = last[i] < known ? last[i] : known;
      begins[i] = first[i] > before ? first[i] : before;
      ends[i] = stop < behind ? stop : behind;
      const int32_t words = ends[i] - begins[i] - 1;
      shares[i] = words > 0 ? 1.f / static_cast<float>(words) : 0.f;
    }
    for (int32_t i = 0; i < targets; i++) least = shares[i] < least ? shares[i] : least;
    lonely = least == 0.f;
    for (int32_t i = 0; i < targets; i++) share_of_slot[slot[i]] = share[i];
  }
};

}  // namespace
