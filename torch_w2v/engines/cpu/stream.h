// The kept tokens of a chunk.
#pragma once

#include "call.h"
#include "compress.h"
#include "draws.h"
#include "memory.h"
#include "private_rows.h"
#include "vectors.h"

namespace {

// The kept tokens, a stretch at a time. A place is the number of a kept token from the start of the stretch in memory.
struct Stream {
  static constexpr int32_t OPEN = INT32_MAX;  // for `last` of a sentence whose end is not in memory yet

  const Call& call;
  const i64 reach;    // places that a window covers on either side at most
  const i64 stretch;  // targets that are put in another order together
  const i64 size;     // places in memory at most

  // (size) each, of the token at a place:
  int32_t* id;
  int32_t* raw;    // its number in the chunk
  int32_t* first;  // the place where its sentence begins
  int32_t* last;   // and the one behind its end
  int32_t* width;  // places on either side that its window covers
  int32_t* same;   // how many tokens directly before it are the same word; only where `by_set` needs it

  int32_t* order;  // (size) the place of the i-th target; i itself where targets are taken as they come

  i64 n = 0;         // places in memory
  i64 sentence = 0;  // the sentence that is read next
  i64 next = 0;      // the token that is read next
  i64 open = 0;      // the place where the sentence begins whose end is not in memory yet

  Stream(const Call& arguments, i64 reach_of_windows, Memory& memory)
      : call(arguments),
        reach(reach_of_windows),
        stretch(arguments.T * arguments.apart),
        size(max(4096, 4 * (reach_of_windows + stretch))),
        id(memory.array<int32_t>(size + COMPRESS_MORE)),
        raw(memory.array<int32_t>(size + COMPRESS_MORE)),
        first(memory.array<int32_t>(size + COMPRESS_MORE)),
        last(memory.array<int32_t>(size + COMPRESS_MORE)),
        width(memory.array<int32_t>(size + COMPRESS_MORE)),
        same(memory.array<int32_t>(arguments.by_set ? size : 0)),
        order(memory.array<int32_t>(size)) {
    if (memory.failed) return;
    for (i64 i = 0; i < size; i++) order[i] = static_cast<int32_t>(i);
  }

  // Whether all tokens of the chunk have been read.
  bool ended() const { return sentence == call.sentences; }

  // Reads on until there is no place in memory.
  void fill() {
    while (!ended() && n < size) {
      const i64 sentence_end = call.offsets[sentence + 1];
      const i64 stop = min(sentence_end, next + (size - n));
      const i64 kept = keep(stop);
      for (i64 i = n; i < kept; i++) first[i] = static_cast<int32_t>(open);
      if (call.by_set) count_same(n, kept);
      n = kept;
      next = stop;
      const bool closed = next == sentence_end;
      for (i64 i = max(open, 0); i < n; i++) last[i] = closed ? static_cast<int32_t>(n) : OPEN;
      if (closed) {
        sentence++;
        open = n;
      }
    }
  }

  // Puts the targets at the places from `begin` to `end`, a stretch, in the order in which blocks take them.
  void arrange(i64 begin, i64 end) {
    if (call.apart == 1) return;
    const i64 step = (end - begin + call.T - 1) / call.T;
    int32_t* to = order + begin;
    for (i64 first = 0; first < step; first++) {
      for (i64 place = begin + first; place < end; place += step) *to++ = static_cast<int32_t>(place);
    }
  }

  // Forgets what lies before `place`. Returns by how much places fell.
  i64 drop(i64 place) {
    if (place <= 0) return 0;
    const int32_t fall = static_cast<int32_t>(place);
    for (i64 i = place; i < n; i++) {
      id[i - place] = id[i];
      raw[i - place] = raw[i];
      first[i - place] = first[i] - fall;
      last[i - place] = last[i] == OPEN ? OPEN : last[i] - fall;
      width[i - place] = width[i];
    }
    if (call.by_set) std::memmove(same, same + place, sizeof(int32_t) * static_cast<size_t>(n - place));
    n -= place;
    open -= place;
    return place;
  }

 private:
  static constexpr i64 BATCH = 64;

  void count_same(i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) same[i] = i > 0 && id[i] == id[i - 1] ? same[i - 1] + 1 : 0;
  }

  // Draws for the tokens from `next` to `stop`, and writes the kept ones from place n on. Returns the new end.
  i64 keep(i64 stop) {
    const u64 stream = static_cast<u64>(call.token_stream);
    const int32_t most = static_cast<int32_t>(reach);
    const uint32_t* threshold = call.keep;
    i64 to = n;
    for (i64 from = next; from < stop; from += BATCH) {
      const i64 count = min(BATCH, stop - from);
      const int32_t* words = call.tokens + from;
      u64 bits[BATCH];
      uint32_t coin[BATCH];
      int32_t kept[BATCH];
      int32_t token[BATCH];
      int32_t window[BATCH];
      for (i64 i = 0; i < count; i++) {
        bits[i] = draw(stream, static_cast<u64>(call.position + from + i));
        coin[i] = static_cast<uint32_t>(bits[i] >> 32);
      }
      for (i64 i = 0; i < count; i++) {
        const uint32_t bound = threshold[words[i] < 0 ? 0 : words[i]];
        kept[i] = (words[i] >= 0) & (bound >= coin[i]);
        token[i] = static_cast<int32_t>(from + i);
      }
      for (i64 i = 0; i < count; i++) {
        const u64 drawn = below(static_cast<u64>(call.window), bits[i] & 0xffffffffu) + 1;
        const int32_t places = static_cast<int32_t>(call.shrink_windows ? drawn : static_cast<u64>(call.window));
        window[i] = places < most ? places : most;
      }
      compress(id + to, words, kept, count);
      compress(width + to, window, kept, count);
      to += compress(raw + to, token, kept, count);
    }
    PrivateRows::rename(call, id + n, to - n);
    return to;
  }
};

}  // namespace
