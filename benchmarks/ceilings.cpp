// The two ceilings of a machine, for one thread: multiply-adds from registers, and changing random rows of a table.
//
// `roofline.py` compiles and runs it. Usage: ceilings ROWS FLOATS_PER_ROW < rows
// Standard input has the rows to change, int32 each. Every line of the output is one run: GFLOP/s, nanoseconds per row.

#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

#if defined __AVX512F__
constexpr int kLanes = 16;
#elif defined __AVX__
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Vector = float __attribute__((vector_size(4 * kLanes)));

constexpr int kRuns = 3;
constexpr size_t kMaxRows = 4000000;

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Multiplies and adds in independent chains, which are more than the latency of one multiply-add asks for.
double gflops() {
  constexpr long rounds = 50000000;
  constexpr int chains = 12;
  Vector x[chains];
  for (int i = 0; i < chains; i++) x[i] = Vector{};
  Vector a = {};
  Vector b = {};
  a += 0.999f;
  b += 0.001f;
  const double start = now();
  for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) x[i] = x[i] * a + b;
    // Keeps the compiler from computing the rounds beforehand.
    asm volatile("" : "+r"(r));
  }
  const double seconds = now() - start;
  Vector sum = {};
  for (int i = 0; i < chains; i++) sum += x[i];
  // The result is used, or the compiler would leave out the work.
  volatile float keep = sum[0];
  static_cast<void>(keep);
  return 2.0 * kLanes * chains * rounds / seconds / 1e9;
}

// Adds 1 to every float of rows of a table of D floats per row, and prefetches those that come later.
double ns_per_row(float* table, const std::vector<int32_t>& rows, long D) {
  constexpr size_t ahead = 24;
  const double start = now();
  for (size_t i = 0; i + ahead < rows.size(); i++) {
    for (long d = 0; d < D; d += 16) __builtin_prefetch(table + rows[i + ahead] * D + d, 1);
    Vector* row = reinterpret_cast<Vector*>(table + rows[i] * D);
    for (long q = 0; q < D / kLanes; q++) row[q] += 1.f;
  }
  return (now() - start) / static_cast<double>(rows.size() - ahead) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long V = atol(argv[1]);
  const long D = atol(argv[2]);
  std::vector<int32_t> rows(kMaxRows);
  rows.resize(fread(rows.data(), sizeof(int32_t), rows.size(), stdin));
  const size_t bytes = sizeof(float) * static_cast<size_t>(V * D);
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, bytes)) return 1;
  memset(memory, 0, bytes);
  for (int run = 0; run < kRuns; run++) {
    printf("%.1f %.2f\n", gflops(), ns_per_row(static_cast<float*>(memory), rows, D));
  }
}
