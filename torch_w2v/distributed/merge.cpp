// Several machines: what a rank sends of its rows, the sum over the ranks, and what every rank makes of the sum. One
// pass over memory each. `merge.py` has the formulas, and the same in numpy: the specification.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../engines/cpu/vectors.h"
#include "../native.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define EXPORTED(name) EXPORT int JOIN(name, ISA)

#ifndef ISA
#define ISA base
#endif

// The same fields, in the same order, as `MergeCall` in bindings.py.
struct MergeCall {
  float* local;             // rows x columns, `pitch` floats from row to row: trained on by this rank
  float* base;              // rows x columns, without gaps: what all ranks agree on
  const float* gradients;   // (rows): how many each row of `local` had
  const float* directions;  // (count x stride), zeros behind the columns
  const float* rates;       // (count + 1): for each direction and for all others, what a gradient counts
  uint16_t* wire;           // rows x (columns + count + 1) in bfloat16: moves, moves along directions, gradients
  int64_t rows;
  int64_t columns;
  int64_t pitch;
  int64_t count;
  int64_t stride;
};

namespace {

// Rounded to nearest, ties to even; what is not a number stays so.
inline uint16_t to_wire(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float from_wire(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

// (1 - exp(-x)) / x where SATURATE, else its inverse; x >= 0. The series is for what the division would round away.
template <bool SATURATE>
inline Vector factor(Vector x) {
  const Vector s = sigmoid(x);
  const Vector risen = 2.f * s - 1.f;  // (1 - exp(-x)) times s
  const Vector series = SATURATE ? 1.f + x * (-1.f / 2 + x * (1.f / 6 + x * (-1.f / 24)))
                                 : 1.f + x * (1.f / 2 + x * (1.f / 12 - x * x * (1.f / 720)));
  const Integers small = x < 0.1f;
  const Vector safe = small ? all(1.f) : x;
  const Vector risen_safe = small ? all(1.f) : risen;
  return small ? series : SATURATE ? risen / (s * safe) : x * s / risen_safe;
}

// Scratch of a call: one row, and the factors of one row.
struct Row {
  float* values;
  float* factors;
  void* memory;

  Row(int64_t stride, int64_t count) {
    const size_t floats = static_cast<size_t>(stride + count + 2 * W);
    memory = std::malloc(4 * floats + 64);
    values = factors = nullptr;
    if (!memory) return;
    values = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory) + 63) / 64 * 64);
    std::memset(values, 0, 4 * floats);
    factors = values + stride;
  }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
  ~Row() { std::free(memory); }
};

// Fills `row.factors` for a number of gradients, and returns the one for all other directions.
template <bool SATURATE>
inline float fill_factors(const MergeCall& call, Row& row, float gradients) {
  const int64_t count = call.count;
  for (int64_t first = 0; first < count + 1; first += W) {
    Vector x = {};
    for (int64_t i = first; i < min(first + W, count + 1); i++) x[i - first] = gradients * call.rates[i];
    const Vector f = factor<SATURATE>(x);
    std::memcpy(row.factors + first, &f, sizeof f);
  }
  return row.factors[count];
}

// The length of the row along a direction.
inline float along(const MergeCall& call, const Row& row, int64_t direction) {
  const Vector* v = vectors(call.directions + direction * call.stride);
  const Vector* values = vectors(row.values);
  Vector sum = {};
  for (int64_t i = 0; i < call.stride / W; i++) sum += values[i] * v[i];
  float total = 0;
  for (int lane = 0; lane < W; lane++) total += sum[lane];
  return total;
}

}  // namespace

// Writes what this rank sends to `wire`. Returns 1 if there is no memory.
EXPORTED(w2v_merge_pack)(const MergeCall* call) {
  Row row(call->stride, call->count);
  if (!row.values) return 1;
  const int64_t D = call->columns;
  const int64_t m = call->count;
  for (int64_t r = 0; r < call->rows; r++) {
    const float* local = call->local + r * call->pitch;
    const float* base = call->base + r * D;
    uint16_t* wire = call->wire + r * (D + m + 1);
    for (int64_t i = 0; i < D; i++) row.values[i] = local[i] - base[i];
    const float rest = fill_factors<false>(*call, row, call->gradients[r]);
    for (int64_t k = 0; k < m; k++) wire[D + k] = to_wire(along(*call, row, k) * (row.factors[k] - rest));
    for (int64_t i = 0; i < D; i++) wire[i] = to_wire(rest * row.values[i]);
    wire[D + m] = to_wire(call->gradients[r]);
  }
  return 0;
}

// Moves `base` by what `wire` has, the sum over all ranks, and makes `local` equal to it. Returns 1 if there is no
// memory.
EXPORTED(w2v_merge_apply)(const MergeCall* call) {
  Row row(call->stride, call->count);
  if (!row.values) return 1;
  const int64_t D = call->columns;
  const int64_t m = call->count;
  for (int64_t r = 0; r < call->rows; r++) {
    const uint16_t* wire = call->wire + r * (D + m + 1);
    float* local = call->local + r * call->pitch;
    float* base = call->base + r * D;
    for (int64_t i = 0; i < D; i++) row.values[i] = from_wire(wire[i]);
    const float rest = fill_factors<true>(*call, row, from_wire(wire[D + m]));
    for (int64_t k = 0; k < m; k++) {
      const float common = along(*call, row, k);
      row.factors[k] = (common + from_wire(wire[D + k])) * row.factors[k] - common * rest;
    }
    Vector* values = vectors(row.values);
    for (int64_t i = 0; i < call->stride / W; i++) {
      Vector sum = values[i] * rest;
      for (int64_t k = 0; k < m; k++) sum += vectors(call->directions + k * call->stride)[i] * row.factors[k];
      values[i] = sum;
    }
    for (int64_t i = 0; i < D; i++) local[i] = base[i] += row.values[i];
  }
  return 0;
}

// Adds `ranks` arrays of `size` numbers, one behind the other, in float; the sum is rounded once.
EXPORTED(w2v_merge_sum)(const uint16_t* parts, int64_t ranks, int64_t size, uint16_t* sum) {
  for (int64_t i = 0; i < size; i++) {
    float total = from_wire(parts[i]);
    for (int64_t rank = 1; rank < ranks; rank++) total += from_wire(parts[rank * size + i]);
    sum[i] = to_wire(total);
  }
  return 0;
}
