// The fused CPU kernel: blocks of T kept tokens, one after the other. docs/explanation/algorithm.md explains what it
// computes, and reference.py is the specification.
//
// Compiled once per instruction set (W = floats in a vector, NAME = the entry point) into one library with a plain C
// ABI. Nothing here may have external linkage but the entry point: code that the linker shares between the copies would
// run with another copy's instructions. Hence no templates of the standard library.

#ifndef NAME
#define NAME w2v_train_base
#endif

#include "by_set.h"
#include "chunk.h"
#include "drift.h"
#include "few_words.h"
#include "job.h"
#include "memory.h"
#include "negatives.h"
#include "sets.h"
#include "stream.h"
#include "targets.h"
#include "windows.h"

namespace {

// What train_chunk asks for.
template <int ROW>
struct Block {
  const Job<ROW>& job;
  Windows<ROW> windows;
  WindowsBySet<ROW> windows_by_set;
  FewWords<ROW> few_words;
  Targets<ROW> targets;
  Sets<ROW> sets;
  Negatives<ROW> negatives;
  Drift<ROW> drift;

  Block(const Job<ROW>& j, Memory& memory)
      : job(j),
        windows(j, memory),
        windows_by_set(j, memory),
        few_words(j, memory),
        targets(j, memory),
        sets(j, memory),
        negatives(j, memory),
        drift(j, memory) {}

  i64 end(const Stream&, i64, i64 most) const { return most; }
  void prepare(const Stream& stream, i64 begin, i64 end) { negatives.choose(stream, begin, end); }
  void count_loss(bool counts) { sets.counts_loss = counts; }
  double loss() const { return sets.loss; }
  double pairs() const { return sets.pairs; }

  // Trains the targets at the places from `begin` to `end`. The next block's end at `next_end`.
  void train(const Stream& stream, i64 begin, i64 end, i64 next_end, float alpha) {
    targets.take(stream, begin, end);
    negatives.advance(stream, end, next_end);
    if (job.call.by_set) {
      for (i64 set = 0; set < job.S && targets.in_group(set) > 0; set++) {
        windows_by_set.read(stream, targets, set);
        sets.train(targets, negatives, set, alpha, nullptr);
        windows_by_set.write(targets, set);
      }
      return;
    }
    const bool few = few_words.count(stream, targets);
    if (few)
      few_words.read(targets);
    else
      windows.read(stream, targets);
    if (job.call.fresh) drift.start(stream, targets, few ? &few_words : nullptr);
    for (i64 group = 0; group < job.groups && targets.in_group(group) > 0; group++) {
      const Moves moves = drift.moves(group);
      sets.train(targets, negatives, group, alpha, job.call.fresh ? &moves : nullptr);
    }
    if (few)
      few_words.write(targets);
    else
      windows.write(stream, targets);
  }
};

}  // namespace

// Trains a chunk. Returns 0, or 1 without memory for the scratch.
EXPORT int NAME(const Call* call) { return train_chunk<Block>(*call); }
