// Skip-gram on the CPU: blocks of up to 16 inputs, one after the other. docs/explanation/algorithm.md explains what it
// computes, and reference_skipgram.py is the specification.
//
// Compiled once per instruction set, as cbow.cpp is; what is said there holds here too.

#ifndef NAME
#define NAME w2v_skip_gram_base
#endif

#include "../job.h"
#include "../memory.h"
#include "../stream.h"
#include "positives.h"
#include "scores.h"
#include "shared_sets.h"
#include "updates.h"

namespace {

template <int ROW>
struct SkipGramBlock {
  const Job<ROW>& job;
  Positives<ROW> positives;
  SharedSets<ROW> sets;
  Scores<ROW> scores;
  Updates<ROW> updates;

  SkipGramBlock(const Job<ROW>& j, Memory& memory)
      : job(j), positives(j, memory), sets(j, memory), scores(j, memory), updates(j) {}

  // Trains the inputs at the places from `begin` to `end`. `last` says whether this is the last block.
  void train(const Stream& stream, i64 begin, i64 end, bool last, float alpha) {
    const i64 inputs = end - begin;
    float* x[LANES_OF_BLOCK];
    float lock[LANES_OF_BLOCK];
    for (i64 m = 0; m < inputs; m++) {
      const int32_t word = stream.id[begin + m];
      x[m] = job.input(word);
      lock[m] = job.call.input_scale ? job.call.input_scale[word] : 1.f;
    }
    sets.advance();
    if (!last) sets.draw_next(stream, end);
    positives.find(stream, begin, end);
    for (i64 part = 0; part < job.S; part++) {
      positives.enter(part);
      sets.enter(part, positives, inputs);
      sets.look_ahead(stream, part, end, last);
      scores.compute(x, inputs, positives, sets, alpha);
      updates.apply(x, lock, inputs, positives, sets, scores);
    }
  }
};

// Returns where a block ends that begins at a place: before a word's third place in it, and at `most`.
inline i64 end_of_block(const Stream& stream, i64 begin, i64 most) {
  for (i64 end = begin + 1; end < most; end++) {
    int same = 0;
    for (i64 i = begin; i < end; i++) same += stream.id[i] == stream.id[end];
    if (same >= 2) return end;
  }
  return most;
}

// Returns 0, or 1 without memory for the scratch.
template <int ROW>
int train_skip_gram(const Call& call) {
  i64 longest = 1;
  for (i64 i = 0; i < call.sentences; i++) longest = max(longest, call.offsets[i + 1] - call.offsets[i]);
  const i64 reach = min(call.window, longest);
  Memory memory;
  const Job<ROW> job(call, reach);
  Stream stream(call, reach, memory);
  SkipGramBlock<ROW> block(job, memory);
  if (memory.failed) return 1;

  i64 place = 0;
  auto read_on = [&] {
    place -= stream.drop(place - reach);
    stream.fill();
  };
  stream.fill();
  // Tokens before `begin` are context only.
  while (place < stream.n && stream.raw[place] < call.begin) {
    place++;
    if (place == stream.n && !stream.ended()) read_on();
  }
  const double tokens = static_cast<double>(call.end - call.begin);
  i64 kept = 0;
  i64 number = 0;  // of the next block
  for (;;) {
    if (place + 2 * call.T + 2 * reach + 1 > stream.n && !stream.ended()) read_on();
    // The end of the next block at most.
    i64 next_end = min(stream.n, place + 2 * call.T);
    while (next_end > place && stream.raw[next_end - 1] >= call.end) next_end--;
    if (next_end <= place) break;
    const i64 end = end_of_block(stream, place, min(next_end, place + call.T));
    if (kept == 0) block.sets.draw_next(stream, place);
    const double done = static_cast<double>(stream.raw[place] - call.begin) / tokens;
    const double alpha = call.alpha_begin + (call.alpha_end - call.alpha_begin) * done;
    block.scores.counts_loss = call.loss_every && number++ % call.loss_every == 0;
    block.train(stream, place, end, end >= next_end, static_cast<float>(alpha));
    kept += end - place;
    place = end;
  }
  call.result[0] = static_cast<double>(kept);
  call.result[1] = block.scores.loss;
  call.result[2] = block.scores.pairs;
  return 0;
}

}  // namespace

// Trains a chunk. Returns 0, or 1 without memory for the scratch.
EXPORT int NAME(const Call* call) {
  if (!call->direct) return train_skip_gram<0>(*call);
  // The usual sizes, 100 and 300 floats, have kernels of their own.
  switch (call->stride / W) {
    case 112 / W:
      return train_skip_gram<112 / W>(*call);
    case 304 / W:
      return train_skip_gram<304 / W>(*call);
    default:
      return train_skip_gram<0>(*call);
  }
}
