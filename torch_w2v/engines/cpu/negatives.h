// The words of a block's sets: negatives, drawn one block ahead, and targets. Their rows are prefetched along the way.
#pragma once

#include "draws.h"
#include "job.h"
#include "memory.h"
#include "stream.h"

namespace {

template <int ROW>
struct Negatives {
  // Words of this and lower numbers are not prefetched early: row order is order of frequency, so these are in the
  // cache already, or another thread has just changed them and will again.
  static constexpr int FREQUENT = 256;

  const Job<ROW>& job;

  // (groups, group_words) of this block and of the next. With G = 1 a group is a set: its N negatives, then its
  // targets. With G > 1 it is for each target N negatives and the target. Then -1.
  int32_t* words;
  int32_t* next_words;

  Negatives(const Job<ROW>& j, Memory& memory)
      : job(j),
        words(memory.array<int32_t>(job.groups * job.group_words)),
        next_words(memory.array<int32_t>(job.groups * job.group_words)),
        draws(memory.array<u64>(job.S * job.N)),
        ahead(memory.array<const float*>(job.S * job.N + 2 * job.T + 1)) {}

  // Chooses `next_words` for the block of the targets at the places from `begin` to `end`.
  void choose(const Stream& stream, i64 begin, i64 end) {
    std::memset(next_words, 0xff, sizeof(int32_t) * static_cast<size_t>(job.groups * job.group_words));
    choose_negatives(static_cast<u64>(job.call.position + stream.raw[begin]));
    if (job.G == 1) {
      for (i64 i = begin; i < end; i++) {
        const i64 set = (i - begin) % job.S;
        next_words[set * job.group_words + job.N + (i - begin) / job.S] = stream.id[i];
      }
    } else {
      for (i64 i = begin; i < end; i++) {
        const i64 group = (i - begin) / job.G;
        next_words[group * job.group_words + (i - begin) % job.G * job.K1 + job.N] = stream.id[i];
      }
    }
  }

  // Makes `next_words` those of this block, and chooses the ones of the block from place `end` to `next_end`, if there
  // is one, whose rows `prefetch` will fetch.
  void advance(const Stream& stream, i64 end, i64 next_end) {
    int32_t* swap = words;
    words = next_words;
    next_words = swap;
    waiting = 0;
    fetched = 0;
    if (end >= next_end) return;
    choose(stream, end, next_end);
    // With G > 1 the rows would be too many for the cache.
    if (job.G == 1)
      for (i64 i = 0; i < job.groups * job.group_words; i++) add(next_words[i], job.output(next_words[i]));
    const i64 from = end + job.reach;
    for (i64 i = from; i < min(stream.n, from + job.T); i++) add(stream.id[i], job.input(stream.id[i]));
  }

  // Fetches one of `parts_left` equal parts of the rows that are not fetched yet.
  void prefetch(i64 parts_left) {
    const i64 stop = fetched + (waiting - fetched) / parts_left;
    for (; fetched < stop; fetched++) job.prefetch_early(ahead[fetched]);
  }

 private:
  u64* draws;           // (S * N)
  const float** ahead;  // rows that the next block reads
  i64 waiting = 0;      // of them
  i64 fetched = 0;      // of those

  void add(int32_t word, const float* row) {
    ahead[waiting] = row;
    waiting += word >= FREQUENT;
  }

  i64 column(u64 bits) const { return static_cast<i64>(below(static_cast<u64>(job.call.V), bits >> 32)); }

  // Draws from the alias table: a word, or the other word in its column. `block` is the block's number in the stream.
  void choose_negatives(u64 block) {
    const i64 count = job.S * job.N;
    const uint32_t* noise = job.call.noise;
    for (i64 i = 0; i < count; i++)
      draws[i] = draw(static_cast<u64>(job.call.noise_stream), block * static_cast<u64>(count) + static_cast<u64>(i));
    // Where G > 1 a group's negatives have its targets between them.
    const i64 skip = job.G > 1 ? 1 : 0;
    const i64 group_end = job.G > 1 ? job.group_targets * job.K1 : job.N;
    i64 group = 0;
    i64 place = 0;
    i64 left = job.N;
    for (i64 i = 0; i < count; i++) {
      __builtin_prefetch(noise + 2 * column(draws[min(i + 16, count - 1)]));
      const i64 word = column(draws[i]);
      // All bits or none instead of a branch.
      const int32_t own = -static_cast<int32_t>(static_cast<uint32_t>(draws[i]) < noise[2 * word]);
      const int32_t other = static_cast<int32_t>(noise[2 * word + 1]);
      next_words[group * job.group_words + place] = (static_cast<int32_t>(word) & own) | (other & ~own);
      place++;
      if (--left == 0) {
        left = job.N;
        place += skip;
      }
      if (place == group_end) {
        place = 0;
        group++;
      }
    }
  }
};

}  // namespace
