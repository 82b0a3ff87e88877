// The two ceilings of a machine, for one thread: multiply-adds from registers, and changing random rows of a table.
// `roofline.py` compiles and runs it. Usage: ceilings ROWS FLOATS_A_ROW < the rows to change, int32
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vector>

#if defined __AVX512F__
constexpr int W = 16;
#elif defined __AVX__
constexpr int W = 8;
#else
constexpr int W = 4;
#endif
typedef float vf __attribute__((vector_size(4 * W)));

static double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double gflops() {  // twelve independent chains: more than the latency of a multiply-add asks for
  constexpr long rounds = 50000000;
  constexpr int chains = 12;
  vf x[chains], a = {}, b = {};
  for (int i = 0; i < chains; i++) x[i] = vf{};
  a += 0.999f, b += 0.001f;
  const double start = now();
  for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) x[i] = x[i] * a + b;
    asm volatile("" : "+r"(r));
  }
  const double seconds = now() - start;
  vf sum = {};
  for (int i = 0; i < chains; i++) sum += x[i];
  volatile float keep = sum[0];
  (void)keep;
  return 2.0 * W * chains * rounds / seconds / 1e9;
}

static double ns_a_row(float *table, const std::vector<int32_t> &rows, long D) {
  constexpr size_t ahead = 24;
  const double start = now();
  for (size_t i = 0; i + ahead < rows.size(); i++) {
    for (long d = 0; d < D; d += 16) __builtin_prefetch(table + rows[i + ahead] * D + d, 1);
    vf *row = (vf *)(table + rows[i] * D);
    for (long q = 0; q < D / W; q++) row[q] += 1.f;
  }
  return (now() - start) / (double)(rows.size() - ahead) * 1e9;
}

int main(int, char **argument) {
  const long V = atol(argument[1]), D = atol(argument[2]);
  std::vector<int32_t> rows(4000000);
  rows.resize(fread(rows.data(), sizeof(int32_t), rows.size(), stdin));
  void *memory = nullptr;
  if (posix_memalign(&memory, 64, sizeof(float) * (size_t)(V * D))) return 1;
  memset(memory, 0, sizeof(float) * (size_t)(V * D));
  float *table = (float *)memory;
  for (int run = 0; run < 3; run++) printf("%.1f %.2f\n", gflops(), ns_a_row(table, rows, D));
}
