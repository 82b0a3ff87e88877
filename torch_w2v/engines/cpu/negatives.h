// The words of a block's sets: negatives, drawn one block ahead, and targets. Their rows are prefetched along the way.
#pragma once

#include "compress.h"
#include "draws.h"
#include "job.h"
#include "memory.h"
#include "stream.h"
#include "tiles.h"

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
        drawn(memory.array<int32_t>(job.S * job.N)),
        ahead(memory.array<int32_t>(job.groups * job.group_words + job.T + COMPRESS_MORE)) {}

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
    outputs = 0;
    waiting = 0;
    fetched = 0;
    if (end >= next_end) return;
    choose(stream, end, next_end);
    // With G > 1 the rows would be too many for the cache.
    if (job.G == 1) outputs = compress_from(ahead, next_words, job.groups * job.group_words, FREQUENT);
    const i64 from = end + job.reach;
    const i64 count = max(0, min(stream.n - from, job.T));
    waiting = outputs + compress_from(ahead + outputs, stream.id + from, count, FREQUENT);
    const i64 tiles = job.groups * ((job.group_targets + TILE_TARGETS - 1) / TILE_TARGETS);
    at_once = (waiting + tiles - 1) / tiles;
  }

  // Fetches some of the rows that are not fetched yet.
  void prefetch() {
    const i64 stop = min(fetched + at_once, waiting);
    for (; fetched < stop; fetched++) {
      const i64 word = ahead[fetched];
      job.prefetch_early(fetched < outputs ? job.output(word) : job.input(word));
    }
  }

 private:
  int32_t* drawn;   // (S * N) negatives
  int32_t* ahead;   // words of rows that the next block reads: first of output rows, then of input rows
  i64 outputs = 0;  // words of output rows
  i64 waiting = 0;  // words
  i64 fetched = 0;  // words whose rows are prefetched
  i64 at_once = 0;  // rows that are fetched per call of prefetch

  // Draws from the alias table: a word, or the other word in its column. `block` is the block's number in the stream.
  void choose_negatives(u64 block) {
    const i64 count = job.S * job.N;
    const u64 stream = static_cast<u64>(job.call.noise_stream);
    const u64 first = block * static_cast<u64>(count);
    const u64 columns = static_cast<u64>(job.call.V);
    const u64* noise = job.call.noise;
    for (i64 i = 0; i < count; i++) {
      const u64 bits = draw(stream, first + static_cast<u64>(i));
      const u64 column = below(columns, bits >> 32);
      const u64 entry = noise[column];
      const bool own = (bits & 0xffffffffu) < (entry & 0xffffffffu);
      drawn[i] = static_cast<int32_t>(own ? column : entry >> 32);
    }
    const int32_t* from = drawn;
    for (i64 group = 0; group < job.groups; group++) {
      int32_t* to = next_words + group * job.group_words;
      const i64 sets = min(job.G, job.S - group * job.G);
      for (i64 set = 0; set < sets; set++) {
        for (i64 k = 0; k < job.N; k++) to[set * job.K1 + k] = from[k];
        from += job.N;
      }
    }
  }
};

}  // namespace
