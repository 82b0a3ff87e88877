// The words of a block's sets: negatives, drawn one block ahead, and targets. Their rows are prefetched along the way.
#pragma once

#include "compress.h"
#include "draws.h"
#include "job.h"
#include "memory.h"
#include "private_rows.h"
#include "stream.h"

namespace {

template <int ROW>
struct Negatives {
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
        random(memory.array<u64>(job.S * job.N)),
        entries(memory.array<u64>(job.S * job.N)),
        ahead(memory.array<int32_t>(job.groups * job.group_words + job.T + COMPRESS_MORE)) {
    if (memory.failed) return;
    const size_t bytes = sizeof(int32_t) * static_cast<size_t>(job.groups * job.group_words);
    std::memset(words, 0xff, bytes);
    std::memset(next_words, 0xff, bytes);
  }

  // Chooses `next_words` for the block of the targets at the places from `begin` to `end`.
  void choose(const Stream& stream, i64 begin, i64 end) {
    // What a whole block has not filled in before, it does not fill in now.
    if (end - begin < job.T)
      std::memset(next_words, 0xff, sizeof(int32_t) * static_cast<size_t>(job.groups * job.group_words));
    choose_negatives(block_at(stream, begin));
    const int32_t* from = stream.id + begin;
    if (job.G == 1) {
      for (i64 first = 0; first < end - begin; first += job.S) {
        const i64 sets = min(job.S, end - begin - first);
        int32_t* to = next_words + job.N + first / job.S;
        for (i64 set = 0; set < sets; set++) to[set * job.group_words] = from[first + set];
      }
    } else {
      for (i64 first = 0; first < end - begin; first += job.G) {
        const i64 sets = min(job.G, end - begin - first);
        int32_t* to = next_words + first / job.G * job.group_words + job.N;
        for (i64 set = 0; set < sets; set++) to[set * job.K1] = from[first + set];
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
    at_once = (waiting + job.groups - 1) / job.groups;
    if (next_end < stream.n) draw_ahead(block_at(stream, next_end));
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
  int32_t* drawn;  // (S * N) negatives
  u64* random;     // (S * N) what they are drawn by, of the block `random_block`
  u64* entries;    // (S * N) of the alias table
  int32_t* ahead;  // words of rows that the next block reads: first of output rows, then of input rows
  u64 random_block = ~u64{0};
  i64 outputs = 0;  // words of output rows
  i64 waiting = 0;  // words
  i64 fetched = 0;  // words whose rows are prefetched
  i64 at_once = 0;  // rows that are fetched per group

  // The number in the stream of the block that begins at a place.
  u64 block_at(const Stream& stream, i64 begin) const {
    return static_cast<u64>(job.call.position + stream.raw[begin]);
  }

  void draw_for(u64 block) {
    const i64 count = job.S * job.N;
    draw_many(static_cast<u64>(job.call.noise_stream), block * static_cast<u64>(count), count, random);
    random_block = block;
  }

  // Draws for a later block, and fetches what it reads of the alias table: its places are far from each other.
  void draw_ahead(u64 block) {
    draw_for(block);
    const u64 columns = static_cast<u64>(job.call.V);
    for (i64 i = 0; i < job.S * job.N; i++) __builtin_prefetch(job.call.noise + column_of(columns, random[i]), 0, 2);
  }

  // Draws from the alias table.
  void choose_negatives(u64 block) {
    if (block != random_block) draw_for(block);
    const i64 count = job.S * job.N;
    const u64 columns = static_cast<u64>(job.call.V);
    const u64* __restrict noise = job.call.noise;
    int32_t* __restrict to = drawn;
    u64* __restrict bits = random;
    u64* __restrict entry = entries;
    for (i64 i = 0; i < count; i++) entry[i] = noise[column_of(columns, bits[i])];
    for (i64 i = 0; i < count; i++) to[i] = word_of(column_of(columns, bits[i]), entry[i], bits[i]);
    PrivateRows::rename(job.call, drawn, count);
    put_into_sets();
  }

  void put_into_sets() {
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
