// The pairs of a block: for each input the words in whose windows it lies.
#pragma once

#include "../compress.h"
#include "../job.h"
#include "../memory.h"
#include "../stream.h"
#include "lanes.h"

namespace {

template <int ROW>
struct Positives {
  const Job<ROW>& job;

  int32_t* words;  // the words of all pairs, input after input, in text order
  float** rows;    // and their rows

  // Of the pairs of an input those of the present part:
  i64 first[LANES_OF_BLOCK];
  i64 count[LANES_OF_BLOCK];

  Positives(const Job<ROW>& j, Memory& memory)
      : job(j),
        words(memory.array<int32_t>(LANES_OF_BLOCK * 2 * job.reach + COMPRESS_MORE)),
        rows(memory.array<float*>(LANES_OF_BLOCK * 2 * job.reach)),
        chosen(memory.array<int32_t>(2 * job.reach + 1 + W)) {}

  // Finds the pairs of the inputs from number `begin` to `end`.
  void find(const Stream& stream, i64 begin, i64 end) {
    i64 pairs = 0;
    for (i64 i = begin; i < end; i++) {
      const i64 place = stream.order[i];
      const i64 low = max(stream.first[place], place - job.reach);
      const i64 high = min(min(stream.last[place], stream.n), place + job.reach + 1);
      choose(stream, place, low, high);
      all_first[i - begin] = pairs;
      pairs += compress(words + pairs, stream.id + low, chosen, high - low);
    }
    inputs = end - begin;
    all_first[inputs] = pairs;
    for (i64 i = 0; i < pairs; i++) rows[i] = job.output(words[i]);
  }

  // Makes `part` the present one.
  void enter(i64 part) {
    for (i64 m = 0; m < inputs; m++) {
      const i64 n = all_first[m + 1] - all_first[m];
      const i64 from = job.S == 1 ? 0 : n * part / job.S;
      const i64 to = job.S == 1 ? n : n * (part + 1) / job.S;
      first[m] = all_first[m] + from;
      count[m] = to - from;
    }
  }

 private:
  int32_t* chosen;  // of the places around an input: whether their windows reach it
  i64 inputs = 0;
  i64 all_first[LANES_OF_BLOCK + 1];

  // Fills `chosen` for the places from `low` to `high`, and for up to W - 1 more, whose widths are in memory that the
  // stream has left free.
  void choose(const Stream& stream, i64 place, i64 low, i64 high) {
    Integers away = {};
    for (int lane = 0; lane < W; lane++) away[lane] = static_cast<int32_t>(low - place) + lane;
    for (i64 c = low; c < high; c += W, away += W) {
      Integers width;
      std::memcpy(&width, stream.width + c, sizeof width);
      const Integers chosen_here = (away <= width) & (-away <= width) & (away != 0);
      std::memcpy(chosen + (c - low), &chosen_here, sizeof chosen_here);
    }
  }
};

}  // namespace
