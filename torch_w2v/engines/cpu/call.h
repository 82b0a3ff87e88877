// What the CPU kernel is called with. `Call` in engine.py mirrors this struct and checks its size by w2v_call_size.
#pragma once

#include <cstdint>

// V is the size of the vocabulary. A row in scratch memory is D floats followed by zeros up to `stride`, aligned to 64
// bytes. So are the rows of the tables where `direct` says so; otherwise they are copied to scratch and back, and may
// lie anywhere, `pitch` floats apart.
struct Call {
  float* inputs;              // (V, pitch)
  float* outputs;             // (V, pitch)
  const int32_t* tokens;      // (n) words of the chunk; a negative one is not in the vocabulary
  const int64_t* offsets;     // (sentences + 1) where sentences begin in `tokens`
  const uint32_t* keep;       // (V) a word is kept where 32 random bits are not above this
  const uint64_t* noise;      // (V) alias table of the negatives: threshold, and above its 32 bits the other word
  const float* input_scale;   // (V) factors of the updates of rows, or null
  const float* output_scale;  // (V) or null
  float* exchanged;           // (2, private_rows, stride) the private rows as they were when they were exchanged last
  int64_t* exchanges;         // a PrivateRows::Schedule; null without private rows
  int32_t* met;               // (2, private_rows + 1) how often words were targets since then, and when it is enough
  double* result;             // (3) kept words, loss, weight of the pairs in the loss

  int64_t V;
  int64_t columns;  // D
  int64_t stride;
  int64_t pitch;
  int64_t direct;
  int64_t private_rows;   // words below this number have rows of this thread's own in the tables,
  int64_t private_first;  // from this row on
  int64_t sentences;
  int64_t begin;         // tokens from here on are targets, those before are context only
  int64_t end;           // as are those from here on
  int64_t position;      // place of the first token in the corpus
  int64_t token_stream;  // key of the draws that belong to tokens: kept or not, size of the window
  int64_t noise_stream;  // key of the draws of negatives
  int64_t window;
  int64_t negative;  // K; a set's N negatives weigh K / N each
  int64_t cbow_mean;
  int64_t exact_gradient;
  int64_t shrink_windows;
  int64_t loss_every;  // the loss of one block in so many is added up, from the first on; 0 for none
  int64_t skip_gram;
  int64_t T;  // T, S, N and G are those of docs/explanation/algorithm.md
  int64_t S;
  int64_t N;
  int64_t G;
  int64_t fresh;
  int64_t by_set;        // Layout.by_set in plan.py
  int64_t apart;         // how many kept tokens the inputs of a block of skip-gram are apart: Layout.stride in plan.py
  double alpha_begin;    // learning rate at token `begin`
  double alpha_end;      // and at token `end`; linear in between
  double largest_score;  // see Objective.largest_score in plan.py
};
