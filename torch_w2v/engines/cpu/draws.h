// The random numbers: elements of streams, each of which is a function of its place alone.
#pragma once

#include <cstdint>

namespace {

using i64 = int64_t;
using u64 = uint64_t;

// Element `counter` of a SplitMix64 stream, as `draw` in sampling.py.
inline u64 draw(u64 stream, u64 counter) {
  u64 z = stream + (counter + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The elements of a stream from `first` on. A loop of this alone becomes one over vectors.
inline void draw_many(u64 stream, u64 first, i64 count, u64* __restrict to) {
  for (i64 i = 0; i < count; i++) to[i] = draw(stream, first + static_cast<u64>(i));
}

// A number below `n`, taken from 32 random bits.
inline u64 below(u64 n, u64 bits) { return (bits * n) >> 32; }

// The column that 64 random bits choose in an alias table of `columns` columns.
inline u64 column_of(u64 columns, u64 bits) { return below(columns, bits >> 32); }

// The word that they choose there: the column's own, or the other one in its entry.
inline int32_t word_of(u64 column, u64 entry, u64 bits) {
  const bool own = (bits & 0xffffffffu) < (entry & 0xffffffffu);
  return static_cast<int32_t>(own ? column : entry >> 32);
}

}  // namespace
