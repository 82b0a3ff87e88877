// Skip-gram on the CPU: blocks of up to 16 inputs, one after the other. docs/explanation/algorithm.md explains what it
// computes, and reference_skipgram.py is the specification.
//
// Compiled once per instruction set, as cbow.cpp is; what is said there holds here too.

#ifndef NAME
#define NAME w2v_skip_gram_base
#endif

#include "../chunk.h"
#include "../job.h"
#include "../memory.h"
#include "../stream.h"
#include "positives.h"
#include "scores.h"
#include "shared_sets.h"
#include "updates.h"

namespace {

// What train_chunk asks for.
template <int ROW>
struct SkipGramBlock {
  const Job<ROW>& job;
  Positives<ROW> positives;
  SharedSets<ROW> sets;
  Scores<ROW> scores;
  Updates<ROW> updates;

  SkipGramBlock(const Job<ROW>& j, Memory& memory)
      : job(j), positives(j, memory), sets(j, memory), scores(j, memory), updates(j) {}

  // Before a word's third place in the block.
  i64 end(const Stream& stream, i64 begin, i64 most) const {
    int32_t words[LANES_OF_BLOCK];
    words[0] = stream.id[stream.order[begin]];
    for (i64 end = begin + 1; end < most; end++) {
      const int32_t word = words[end - begin] = stream.id[stream.order[end]];
      int same = 0;
      for (i64 i = begin; i < end; i++) same += words[i - begin] == word;
      if (same >= 2) return end;
    }
    return most;
  }
  void prepare(const Stream& stream, i64 begin, i64) { sets.draw_next(stream, begin); }
  void count_loss(bool counts) { scores.counts_loss = counts; }
  double loss() const { return scores.loss; }
  double pairs() const { return scores.pairs; }

  // Trains the inputs from number `begin` to `end`. The last block ends at `next_end`.
  void train(const Stream& stream, i64 begin, i64 end, i64 next_end, float alpha) {
    const i64 inputs = end - begin;
    float* x[LANES_OF_BLOCK];
    float lock[LANES_OF_BLOCK];
    for (i64 m = 0; m < inputs; m++) {
      const int32_t word = stream.id[stream.order[begin + m]];
      x[m] = job.input(word);
      lock[m] = job.call.input_scale ? job.call.input_scale[word] : 1.f;
    }
    sets.advance();
    const i64 following = min(next_end - end, LANES_OF_BLOCK);
    if (following > 0) sets.draw_next(stream, end);
    positives.find(stream, begin, end);
    for (i64 part = 0; part < job.S; part++) {
      positives.enter(part);
      sets.enter(part, positives, inputs);
      sets.look_ahead(stream, part, end, following);
      scores.compute(x, inputs, positives, sets, alpha);
      updates.apply(x, lock, inputs, positives, sets, scores);
    }
  }
};

}  // namespace

// Trains a chunk. Returns 0, or 1 without memory for the scratch.
EXPORT int NAME(const Call* call) { return train_chunk<SkipGramBlock>(*call); }
