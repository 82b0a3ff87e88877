// The fused CPU kernel: blocks of T kept tokens, one after the other. docs/explanation/algorithm.md explains what it
// computes, and reference.py is the specification.
//
// Compiled once per instruction set (W = floats in a vector, NAME = the entry point) into one library with a plain C
// ABI. Nothing here may have external linkage but the entry point: code that the linker shares between the copies would
// run with another copy's instructions. Hence no templates of the standard library.

#ifndef NAME
#define NAME w2v_train_base
#endif

#include "drift.h"
#include "job.h"
#include "memory.h"
#include "negatives.h"
#include "sets.h"
#include "stream.h"
#include "targets.h"
#include "windows.h"

namespace {

template <int ROW>
struct Block {
  const Job<ROW>& job;
  Windows<ROW> windows;
  Targets<ROW> targets;
  Sets<ROW> sets;
  Negatives<ROW> negatives;
  Drift<ROW> drift;

  Block(const Job<ROW>& j, Memory& memory)
      : job(j), windows(j, memory), targets(j, memory), sets(j, memory), negatives(j, memory), drift(j, memory) {}

  // Trains the targets at the places from `begin` to `end`. The next block's end at `next_end`.
  void train(const Stream& stream, i64 begin, i64 end, i64 next_end, float alpha) {
    targets.take(stream, begin, end);
    negatives.advance(stream, end, next_end);
    windows.read(stream, targets);
    if (job.call.fresh) drift.start(stream, targets);
    for (i64 group = 0; group < job.groups && targets.in_group(group) > 0; group++) {
      const Moves moves = drift.moves(group);
      sets.train(targets, negatives, group, alpha, job.call.fresh ? &moves : nullptr);
    }
    windows.write(stream, targets);
  }
};

// Returns 0, or 1 without memory for the scratch.
template <int ROW>
int train_chunk(const Call& call) {
  i64 longest = 1;
  for (i64 i = 0; i < call.sentences; i++) longest = max(longest, call.offsets[i + 1] - call.offsets[i]);
  const i64 reach = min(call.window, longest);
  Memory memory;
  const Job<ROW> job(call, reach);
  Stream stream(call, reach, memory);
  Block<ROW> block(job, memory);
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
    // The end of the next block.
    i64 next_end = min(stream.n, place + 2 * call.T);
    while (next_end > place && stream.raw[next_end - 1] >= call.end) next_end--;
    if (next_end <= place) break;
    const i64 end = min(next_end, place + call.T);
    if (kept == 0) block.negatives.choose(stream, place, end);
    const double done = static_cast<double>(stream.raw[place] - call.begin) / tokens;
    const double alpha = call.alpha_begin + (call.alpha_end - call.alpha_begin) * done;
    block.sets.counts_loss = call.loss_every && number++ % call.loss_every == 0;
    block.train(stream, place, end, next_end, static_cast<float>(alpha));
    kept += end - place;
    place = end;
  }
  call.result[0] = static_cast<double>(kept);
  call.result[1] = block.sets.loss;
  call.result[2] = block.sets.pairs;
  return 0;
}

}  // namespace

// Trains a chunk. Returns 0, or 1 without memory for the scratch.
EXPORT int NAME(const Call* call) {
  if (!call->direct) return train_chunk<0>(*call);
  // The usual sizes, 100 and 300 floats, have kernels of their own.
  switch (call->stride / W) {
    case 112 / W:
      return train_chunk<112 / W>(*call);
    case 304 / W:
      return train_chunk<304 / W>(*call);
    default:
      return train_chunk<0>(*call);
  }
}
