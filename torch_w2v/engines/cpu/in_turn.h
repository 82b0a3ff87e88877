// The negatives of a target that has a set of its own, and meets them one after the other.
#pragma once

#include "job.h"
#include "memory.h"

namespace {

// Of N negatives that are few words, each is taken once. What its row is when the target meets it again, the hidden
// layer alone tells: the row moves along it. So a score grows by a multiple of the hidden layer's square, all rows
// change once, by sums of coefficients, and the error has a part along the hidden layer.
struct InTurn {
  i64 count = 0;   // different words among the negatives, without the target's
  int32_t* times;  // (N) how often each is there; then zeros

  InTurn(i64 N, Memory& memory) : times(memory.zeros<int32_t>(N + W)), number(memory.array<int32_t>(N)), filled(0) {}

  // Gathers the different words of n negatives, and their rows at the beginning of `rows`. `first` has the first place
  // of each word.
  void gather(const int32_t* words, const int32_t* first, i64 n, int32_t target, float** rows) {
    std::memset(times, 0, sizeof(int32_t) * static_cast<size_t>(filled));
    count = 0;
    for (i64 i = 0; i < n; i++) {
      if (words[i] == target) continue;
      if (first[i] == i) {
        number[i] = static_cast<int32_t>(count);
        rows[count++] = rows[i];
      }
      times[number[first[i]]]++;
    }
    filled = count;
  }

  // Makes coefficients of first meetings those of all, and returns that of the hidden layer in its error. There is
  // place for a vector behind both arrays.
  //
  // score: (count) of the rows as they are.
  // coefficient: (count)
  // step: learning rate times the negatives' weight.
  // square: of the hidden layer.
  // most: negatives with larger scores are skipped.
  // each: is called with the scores of a meeting, and which of them there are.
  template <class Each>
  INLINE float meet(const float* score, float* coefficient, float step, float square, float most, Each each) const {
    Vector along = {};
    for (i64 i = 0; i < count; i += W) {
      Vector z;
      Vector last;
      std::memcpy(&z, score + i, sizeof z);
      std::memcpy(&last, coefficient + i, sizeof last);
      Integers more;
      std::memcpy(&more, times + i, sizeof more);
      last = more > 0 ? last : Vector{};  // what is behind the words may be anything
      Vector sum = last;
      each(z, more > 0);
      for (int32_t met = 1; any(more > met); met++) {
        z += last * square;
        each(z, more > met);
        const Vector next = -step * sigmoid(z);
        last = (more > met) & (z * z < most * most) ? next : Vector{};
        along += last * sum;
        sum += last;
      }
      std::memcpy(coefficient + i, &sum, sizeof sum);
    }
    float result = 0;
    for (int lane = 0; lane < W; lane++) result += along[lane];
    return result;
  }

 private:
  int32_t* number;  // (N) at the first places of words: which of the different ones it is
  i64 filled;       // of `times`
};

}  // namespace
