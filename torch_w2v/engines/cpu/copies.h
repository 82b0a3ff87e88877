// Rows that a group has more than once.
#pragma once

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "job.h"
#include "memory.h"

namespace {

// Whether one of the first n words is there more than once. Whole vectors of words are read, the last one filled up
// with any that differ from the n.
inline bool repeated(const int32_t* words, i64 n) {
#ifdef __AVX512CD__
  if (n <= W) {
    const __m512i earlier = _mm512_conflict_epi32(_mm512_loadu_si512(words));
    return _mm512_test_epi32_mask(earlier, earlier) & ((1u << n) - 1);
  }
#endif
  Integers twice = {};
  for (i64 j = 0; j < n; j += W) {
    const Integers these = *vectors(words + j);
    Integers times = {};
    for (i64 i = 0; i < n; i++) times -= these == words[i];
    twice |= times > 1;
  }
  return any(twice);
}

// The first place of each word of a group.
struct Places {
  // So many words are compared with one another; of more, each is sought in a hash table.
  static constexpr i64 FEW = 64;

  int32_t* first;  // (words at most)

  Places(i64 words, Memory& memory)
      : first(memory.array<int32_t>(words)), bits(bits_for(words)), slots(memory.array<int32_t>(i64{1} << bits)) {}

  // Returns whether one of the first n words is there more than once. Then `first` has the places; else nothing.
  bool find(const int32_t* words, i64 n) {
    if (n > FEW) return find_by_hash(words, n);
    if (!repeated(words, n)) return false;
    for (i64 i = 0; i < n; i++) {
      int32_t place = 0;
      while (words[place] != words[i]) place++;
      first[i] = place;
    }
    return true;
  }

 private:
  const int bits;
  int32_t* slots;  // (2 to the power of bits) places, or -1

  static int bits_for(i64 words) {
    int count = 1;
    while (i64{1} << count < 2 * words) count++;
    return count;
  }

  bool find_by_hash(const int32_t* words, i64 n) {
    const uint32_t mask = (uint32_t{1} << bits) - 1;
    std::memset(slots, 0xff, sizeof(int32_t) << bits);
    bool twice = false;
    for (i64 i = 0; i < n; i++) {
      uint32_t slot = static_cast<uint32_t>(words[i]) * 0x9e3779b1u >> (32 - bits);
      while (slots[slot] >= 0 && words[slots[slot]] != words[i]) slot = (slot + 1) & mask;
      if (slots[slot] < 0) slots[slot] = static_cast<int32_t>(i);
      first[i] = slots[slot];
      twice |= first[i] < i;
    }
    return twice;
  }
};

// A row that a group has more than once is read and written through a copy in all places but its first, since every
// update of a group comes from its rows as they were.
template <int ROW>
struct Copies {
  const Job<ROW>& job;
  i64 count = 0;
  float* copies;   // (group_words, 2, stride) each row as it was, and as updates make it
  float** origin;  // (group_words) the row that each is a copy of

  Copies(const Job<ROW>& j, Memory& memory)
      : job(j),
        copies(memory.array<float>(job.group_words * 2 * job.stride())),
        origin(memory.array<float*>(job.group_words)) {}

  float* was(i64 copy) const { return copies + 2 * copy * job.stride(); }
  float* now(i64 copy) const { return was(copy) + job.stride(); }

  // Puts copies in the place of rows whose word is there before; `first` has the first place of each.
  void part(const int32_t* first, i64 n, float** rows) {
    const size_t bytes = sizeof(float) * static_cast<size_t>(job.stride());
    for (i64 i = 1; i < n; i++) {
      if (first[i] == i) continue;
      std::memcpy(was(count), rows[i], bytes);
      std::memcpy(now(count), rows[i], bytes);
      origin[count] = rows[i];
      rows[i] = now(count);
      count++;
    }
  }

  // Adds `by` times a vector to a copy, before updates make anything of it; returns the vector's square.
  float move(float* copy, const Vector* vector, float by) const {
    Vector* after = vectors(copy);
    Vector* before = vectors(copy - job.stride());
    Vector squares = {};
    job.each_vector([&](i64 q) {
      squares += vector[q] * vector[q];
      after[q] = before[q] += by * vector[q];
    });
    float square = 0;
    for (int lane = 0; lane < W; lane++) square += squares[lane];
    return square;
  }

  // Adds what became of the copies to the rows.
  void join() {
    for (i64 i = 0; i < count; i++) {
      Vector* row = vectors(origin[i]);
      const Vector* before = vectors(was(i));
      const Vector* after = vectors(now(i));
      job.each_vector([&](i64 q) { row[q] += after[q] - before[q]; });
    }
    count = 0;
  }
};

}  // namespace
