// The walk over a chunk: reads the kept tokens, cuts them into blocks, and trains one after the other. Both kernels
// take it from here.
#pragma once

#include "job.h"
#include "memory.h"
#include "private_rows.h"
#include "stream.h"

namespace {

// Returns 0, or 1 without memory for the scratch. Targets are numbered from the start of the stream in memory, in the
// order in which blocks take them. A Block has
//   Block(const Job<ROW>&, Memory&),
//   end(stream, begin, most): where the block that begins at a target ends, at `most` at the latest,
//   prepare(stream, begin, end): called once, before the first block, which has these targets,
//   count_loss(bool): whether the block that is trained next counts in the loss,
//   train(stream, begin, end, next_end, alpha): trains a block. The next one ends at `next_end` at the latest; if the
//     block itself ends there, it is the last,
//   loss() and pairs(): what ChunkResult reports.
template <int ROW, template <int> class Block>
int train_chunk_with(const Call& call) {
  i64 longest = 1;
  for (i64 i = 0; i < call.sentences; i++) longest = max(longest, call.offsets[i + 1] - call.offsets[i]);
  const i64 reach = min(call.window, longest);
  Memory memory;
  const Job<ROW> job(call, reach);
  Stream stream(call, reach, memory);
  Block<ROW> block(job, memory);
  Exchanges<ROW> exchanges(job, memory);
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
  i64 stretch_end = place;
  i64 next_end = place;  // the end of the next stretch, at most
  for (;;) {
    // Where inputs are taken as they come each block begins a stretch, whose rest it leaves to the next one.
    if (place == stretch_end || call.apart == 1) {
      if (place + 2 * stream.stretch + 2 * reach + 1 > stream.n && !stream.ended()) read_on();
      next_end = min(stream.n, place + 2 * stream.stretch);
      while (next_end > place && stream.raw[next_end - 1] >= call.end) next_end--;
      if (next_end <= place) break;
      stretch_end = min(next_end, place + stream.stretch);
      stream.arrange(place, stretch_end);
      stream.arrange(stretch_end, next_end);
    }
    const i64 end = block.end(stream, place, min(stretch_end, place + call.T));
    if (kept == 0) block.prepare(stream, place, end);
    const double done = static_cast<double>(stream.raw[stream.order[place]] - call.begin) / tokens;
    const double alpha = call.alpha_begin + (call.alpha_end - call.alpha_begin) * done;
    block.count_loss(call.loss_every && number++ % call.loss_every == 0);
    block.train(stream, place, end, next_end, static_cast<float>(alpha));
    // Skip-gram, in which alone inputs are apart, has no private rows: the words need not be those of the block.
    exchanges.advance(stream.id + place, end - place);
    kept += end - place;
    place = end;
  }
  call.result[0] = static_cast<double>(kept);
  call.result[1] = block.loss();
  call.result[2] = block.pairs();
  return 0;
}

// Trains a chunk. Returns 0, or 1 without memory for the scratch.
template <template <int> class Block>
int train_chunk(const Call& call) {
  if (!call.direct) return train_chunk_with<0, Block>(call);
  // The usual sizes, 100 and 300 floats, have kernels of their own.
  switch (vectors_of(call.columns)) {
    case vectors_of(100):
      return train_chunk_with<vectors_of(100), Block>(call);
    case vectors_of(300):
      return train_chunk_with<vectors_of(300), Block>(call);
    default:
      return train_chunk_with<0, Block>(call);
  }
}

}  // namespace
