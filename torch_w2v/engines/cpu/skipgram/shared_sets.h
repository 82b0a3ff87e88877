// The sets of negatives that the inputs of a block share: drawn one block ahead, their rows prefetched one set ahead.
#pragma once

#include "../compress.h"
#include "../draws.h"
#include "../job.h"
#include "../memory.h"
#include "../private_rows.h"
#include "../stream.h"
#include "lanes.h"
#include "positives.h"

namespace {

template <int ROW>
struct SharedSets {
  const Job<ROW>& job;

  // Of the present set:
  float** rows;  // (N + 1) a word that is drawn again has a row of zeros in its later places, as the last one is
  float* times;  // (N) how often the word is in the set, 0 in its later places
  float most_times = 1;
  int32_t* skipped;  // (N) 0, or 1 + the number of the word's `skips`
  Lanes* skips;      // (N) how many of each input's positives are this word

  SharedSets(const Job<ROW>& j, Memory& memory)
      : job(j),
        rows(memory.array<float*>(job.N + 1)),
        times(memory.array<float>(job.N)),
        skipped(memory.array<int32_t>(job.N)),
        skips(memory.array<Lanes>(job.N)),
        words(memory.array<int32_t>(job.S * job.N)),
        next_words(memory.array<int32_t>(job.S * job.N)),
        ahead(memory.array<int32_t>(job.N + 2 * LANES_OF_BLOCK + COMPRESS_MORE)),
        bits(memory.array<u64>(job.S * job.N)),
        no_word(memory.zeros<float>(job.stride())),
        place_of(memory.zeros<int32_t>(BUCKETS)) {}

  // Draws `next_words` for the block whose first input has a number.
  void draw_next(const Stream& stream, i64 input) {
    const i64 count = job.S * job.N;
    const u64 key = static_cast<u64>(job.call.noise_stream);
    const u64 first = static_cast<u64>(job.call.position + stream.raw[stream.order[input]]) * static_cast<u64>(count);
    const u64 columns = static_cast<u64>(job.call.V);
    draw_many(key, first, count, bits);
    for (i64 i = 0; i < count; i++) {
      const u64 column = column_of(columns, bits[i]);
      next_words[i] = word_of(column, job.call.noise[column], bits[i]);
    }
    PrivateRows::rename(job.call, next_words, count);
  }

  // Makes the sets that were drawn last those of this block.
  void advance() {
    int32_t* swap = words;
    words = next_words;
    next_words = swap;
  }

  // Makes `part` the present set, for inputs with these positives.
  void enter(i64 part, const Positives<ROW>& positives, i64 inputs) {
    const int32_t* set = words + part * job.N;
    most_times = 1.f;
    for (i64 k = 0; k < job.N; k++) {
      rows[k] = job.output(set[k]);
      times[k] = 1.f;
      const i64 first = find(set, set[k]);
      if (first < 0) {
        place_of[hash(set[k])] = static_cast<int32_t>(k + 1);
      } else if (first < k) {
        times[first] += 1.f;
        most_times = times[first] > most_times ? times[first] : most_times;
        times[k] = 0.f;
        rows[k] = no_word;
      }
    }
    rows[job.N] = no_word;
    find_skips(set, positives, inputs);
    for (i64 k = 0; k < job.N; k++) place_of[hash(set[k])] = 0;
  }

  // Lists what is read after this part: the next set, and where that is of the next block, whose inputs are `following`
  // ones from number `next` on, these and the words that their windows reach first.
  void look_ahead(const Stream& stream, i64 part, i64 next, i64 following) {
    const bool other_block = part + 1 == job.S;
    waiting = 0;
    fetched = 0;
    outputs = 0;
    if (other_block && following <= 0) return;
    const int32_t* set = other_block ? next_words : words + (part + 1) * job.N;
    waiting = compress_from(ahead, set, job.N, FREQUENT);
    outputs = waiting;
    if (!other_block) return;
    int32_t inputs[LANES_OF_BLOCK];
    int32_t reached[LANES_OF_BLOCK];
    i64 reaching = 0;
    for (i64 m = 0; m < following; m++) {
      const i64 place = stream.order[next + m];
      inputs[m] = stream.id[place];
      if (place + job.reach < stream.n) reached[reaching++] = stream.id[place + job.reach];
    }
    waiting += compress_from(ahead + waiting, reached, reaching, FREQUENT);
    outputs = waiting;
    waiting += compress_from(ahead + waiting, inputs, following, FREQUENT);
  }

  // Prefetches one of `times_left` shares of what is not prefetched yet.
  INLINE void prefetch(i64 times_left) {
    const i64 stop = times_left > 1 ? fetched + (waiting - fetched) / times_left : waiting;
    for (; fetched < stop; fetched++) {
      const i64 word = ahead[fetched];
      job.prefetch_early(fetched < outputs ? job.output(word) : job.input(word));
    }
  }

 private:
  static constexpr i64 BUCKETS = 2048;

  int32_t* words;       // (S, N) of this block
  int32_t* next_words;  // (S, N) and of the next
  int32_t* ahead;       // words whose rows are to be prefetched: first of output rows, then of input rows
  u64* bits;            // (S, N) random bits of draws
  float* no_word;       // (stride) zeros
  int32_t* place_of;    // (BUCKETS) 1 + the first place in the set of a word with this hash; zeros between two sets
  i64 waiting = 0;
  i64 fetched = 0;
  i64 outputs = 0;

  static u64 hash(int32_t word) { return static_cast<uint32_t>(word) * 0x9E3779B1u >> 21; }

  // The first place of a word in the set; -1 if no word of its hash is there, or N if others are.
  INLINE i64 find(const int32_t* set, int32_t word) const {
    i64 k = place_of[hash(word)] - 1;
    if (k < 0) return k;
    while (k < job.N && set[k] != word) k++;
    return k;
  }

  void find_skips(const int32_t* set, const Positives<ROW>& positives, i64 inputs) {
    std::memset(skipped, 0, sizeof(int32_t) * static_cast<size_t>(job.N));
    int32_t count = 0;
    for (i64 m = 0; m < inputs; m++) {
      const int32_t* pairs = positives.words + positives.first[m];
      for (i64 i = 0; i < positives.count[m]; i++) {
        const i64 k = find(set, pairs[i]);
        if (k < 0 || k == job.N) continue;
        if (!skipped[k]) {
          skips[count] = Lanes{};
          skipped[k] = ++count;
        }
        Lanes& skip = skips[skipped[k] - 1];
        skip.part[m / W][m % W] += 1.f;
      }
    }
  }
};

}  // namespace
