// What the CPU kernel is called with, its scratch, and the stream of kept tokens. Included once, by cpu.cpp.
#pragma once
#include <stdlib.h>

#include "vectors.h"

// Mirrored by `cpu.Call`.
struct Call {
  float *inputs, *outputs;             // (V, stride) each, rows of D floats padded with zeros, aligned to 64 bytes
  const int32_t *tokens;               // (n)
  const int64_t *offsets;              // (sentences + 1)
  const uint32_t *keep;                // (V)
  const uint32_t *noise;               // (V, 2): threshold, other row
  const float *input_scale, *output_scale;  // (V) or null
  double *result;                      // (3): kept words, loss, weight of pairs
  int64_t V, stride, sentences, begin, end, position, token_stream, noise_stream;
  int64_t window, negative, cbow_mean, exact_gradient, shrink_windows, compute_loss, T, S, N, G, fresh;
  double alpha_begin, alpha_end;
};

namespace {

struct Memory {  // scratch, freed together
  void *parts[32];
  int count = 0;
  bool failed = false;
  template <class X> X *get(i64 n) {
    // Staggered: rows at the same place in two page-aligned buffers would look alike to the processor's store buffer.
    const size_t shift = 576 * (size_t)count, bytes = shift + sizeof(X) * (size_t)(n > 0 ? n : 1);
    void *p = nullptr;
    if (posix_memalign(&p, 64, bytes)) { failed = true; return nullptr; }
#ifdef POISON  // a test build: a float read before it is written is NaN
    memset(p, 0xff, bytes);
#endif
    return (X *)((char *)(parts[count++] = p) + shift);
  }
  ~Memory() { while (count) free(parts[--count]); }
};

// The kept tokens of a chunk, a stretch at a time. Places count kept tokens from the start of the stretch in memory.
struct Stream {
  const Call &a;
  i64 reach, size;                    // a window never reaches over more than `reach` kept tokens; places in memory
  int32_t *id, *raw, *first, *last, *width;
  i64 n = 0, sentence = 0, next = 0, open = 0;  // kept so far; where reading goes on; start of the open sentence

  Stream(const Call &call, i64 reach, Memory &m) : a(call), reach(reach), size(max(4096, 4 * (reach + call.T))) {
    id = m.get<int32_t>(size + 1), raw = m.get<int32_t>(size + 1), first = m.get<int32_t>(size + 1);
    last = m.get<int32_t>(size + 1), width = m.get<int32_t>(size + 1);
  }
  bool ended() const { return sentence == a.sentences; }

  void fill() {
    while (!ended() && n < size) {
      const i64 stop = min(a.offsets[sentence + 1], next + (size - n));
      i64 m = n;
      for (i64 i = next; i < stop; i++) {
        const int32_t word = a.tokens[i];
        const uint64_t z = draw((uint64_t)a.token_stream, (uint64_t)(a.position + i));
        const uint64_t w = a.shrink_windows ? (((z & 0xffffffffu) * (uint64_t)a.window) >> 32) + 1 : (uint64_t)a.window;
        id[m] = word, raw[m] = (int32_t)i, width[m] = (int32_t)min((i64)w, reach);
        m += (word >= 0) & (a.keep[word < 0 ? 0 : word] >= (uint32_t)(z >> 32));  // no branch: a coin's is mispredicted
      }
      for (i64 i = n; i < m; i++) first[i] = (int32_t)open;
      n = m, next = stop;
      const bool closed = next == a.offsets[sentence + 1];
      for (i64 i = max(open, 0); i < n; i++) last[i] = closed ? (int32_t)n : INT32_MAX;
      if (closed) sentence++, open = n;
    }
  }
  // Forget what lies before `place`; gives by how much places fell.
  i64 drop(i64 place) {
    if (place <= 0) return 0;
    for (i64 i = place; i < n; i++)
      id[i - place] = id[i], raw[i - place] = raw[i], width[i - place] = width[i],
      first[i - place] = first[i] - (int32_t)place, last[i - place] = last[i] == INT32_MAX ? INT32_MAX : last[i] - (int32_t)place;
    n -= place, open -= place;
    return place;
  }
  i64 low(i64 t) const { return max(first[t], t - width[t]); }
  i64 high(i64 t) const { return min(min(last[t], n), t + width[t] + 1); }
};

}  // namespace
