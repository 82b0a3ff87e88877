// The arithmetic of the CPU kernel on rows of vectors: products, sigmoid and updates. Included once, by cpu.cpp.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef W
#define W 4
#endif

namespace {

typedef float vf __attribute__((vector_size(4 * W)));
typedef int32_t vi __attribute__((vector_size(4 * W)));
typedef int64_t i64;

constexpr int MT = W == 16 ? 4 : 2;  // targets and negatives of a register tile: MT * NT sums and their operands fit
constexpr int MOST = 4096;           // floats in a row
constexpr int NT = 5;                // the registers of the instruction set
constexpr int FREQUENT = 256;        // words whose rows are not prefetched early (row order is order of frequency)

inline vf *vec(float *p) { return (vf *)p; }
inline const vf *vec(const float *p) { return (const vf *)p; }
inline i64 min(i64 a, i64 b) { return a < b ? a : b; }
inline i64 max(i64 a, i64 b) { return a > b ? a : b; }
inline vf all(float x) { return x - vf{}; }

inline uint64_t draw(uint64_t stream, uint64_t counter) {  // sampling.draw
  uint64_t z = stream + (counter + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// 1 / (1 + exp(-x)) to float accuracy: exp2 by a polynomial on [-0.5, 0.5] and the exponent's bits.
inline vf sigmoid(vf x) {
  const vf limit = all(80.f);
  x = x > limit ? limit : x;
  x = x < -limit ? -limit : x;
  const vf t = x * -1.44269504f;
  const vi whole = __builtin_convertvector(t + (t < 0.f ? all(-0.5f) : all(0.5f)), vi);
  const vf r = t - __builtin_convertvector(whole, vf);
  vf p = all(1.54035304e-4f);
  p = p * r + 1.33335581e-3f;
  p = p * r + 9.61812911e-3f;
  p = p * r + 5.55041087e-2f;
  p = p * r + 2.40226507e-1f;
  p = p * r + 6.93147181e-1f;
  p = p * r + 1.f;
  return 1.f / (1.f + p * (vf)((whole + 127) << 23));
}

double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

// The sums of the lanes of W vectors, as the lanes of one.
inline vf sum_lanes(const vf *a) {
#define MIX(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
  vf s[W];
  for (int i = 0; i < W; i++) s[i] = a[i];
#if W == 16
  for (int i = 0; i < 8; i++)
    s[i] = MIX(s[2 * i], s[2 * i + 1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           MIX(s[2 * i], s[2 * i + 1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  for (int i = 0; i < 4; i++)
    s[i] = MIX(s[2 * i], s[2 * i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           MIX(s[2 * i], s[2 * i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  for (int i = 0; i < 2; i++)
    s[i] = MIX(s[2 * i], s[2 * i + 1], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
           MIX(s[2 * i], s[2 * i + 1], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  return MIX(s[0], s[1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
         MIX(s[0], s[1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
#elif W == 8
  for (int i = 0; i < 4; i++)
    s[i] = MIX(s[2 * i], s[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14) + MIX(s[2 * i], s[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  for (int i = 0; i < 2; i++)
    s[i] = MIX(s[2 * i], s[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) + MIX(s[2 * i], s[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  return MIX(s[0], s[1], 0, 1, 2, 3, 8, 9, 10, 11) + MIX(s[0], s[1], 4, 5, 6, 7, 12, 13, 14, 15);
#else
  for (int i = 0; i < 2; i++)
    s[i] = MIX(s[2 * i], s[2 * i + 1], 0, 4, 2, 6) + MIX(s[2 * i], s[2 * i + 1], 1, 5, 3, 7);
  return MIX(s[0], s[1], 0, 1, 4, 5) + MIX(s[0], s[1], 2, 3, 6, 7);
#endif
#undef MIX
}

// sums[m * pitch + n] = lanes of h[m] . v[n]; with OWN, sums[m * pitch] = lanes of h[m] . y[m] and the others follow it.
template <int M, int N, bool OWN>
inline void dots(const float *const *h, const float *const *y, const float *const *v, const i64 NV, vf *sums, i64 pitch) {
  vf acc[M][N] = {}, own[M] = {};
  for (i64 q = 0; q < NV; q++) {
    vf x[M];
    for (int m = 0; m < M; m++) {
      x[m] = vec(h[m])[q];
      if (OWN) own[m] += x[m] * vec(y[m])[q];
    }
    for (int n = 0; n < N; n++) {
      const vf z = vec(v[n])[q];
      for (int m = 0; m < M; m++) acc[m][n] += x[m] * z;
    }
  }
  for (int m = 0; m < M; m++) {
    if (OWN) sums[m * pitch] = own[m];
    for (int n = 0; n < N; n++) sums[m * pitch + OWN + n] = acc[m][n];
  }
}

// The updates of one set: for each target i of its hidden layer h[i] and its row y[i], with N rows v of negatives.
struct Updates {
  i64 targets, pitch, stride;
  float *h, *e;              // (targets, stride); e holds errors between two tiles of negatives
  float *const *y, *const *v;
  const float *c, *u;        // (targets, pitch): coefficients for the errors, and for the rows: first y's, then the v's
  const float *scale;        // (targets) of the error, once it is complete
  bool first, last;          // tile of negatives
};

// Vectors q to q + Q of every row, read once and written once. PLAIN: one tile has all negatives, and u is c.
template <int N, int Q, bool PLAIN> inline void update(const Updates &a, i64 q, i64 column) {
  vf was[N][Q], now[N][Q];
  for (int n = 0; n < N; n++)
    for (int j = 0; j < Q; j++) now[n][j] = was[n][j] = vec(a.v[n])[q + j];
  for (i64 i = 0; i < a.targets; i++) {
    const float *c = a.c + i * a.pitch, *u = a.u + i * a.pitch;
    vf *h = vec(a.h + i * a.stride) + q, *e = vec(a.e + i * a.stride) + q, x[Q], sum[Q];
    for (int j = 0; j < Q; j++) x[j] = h[j];
    if (PLAIN || a.first) {
      vf *y = vec(a.y[i]) + q;
      for (int j = 0; j < Q; j++) {
        const vf own = y[j];
        sum[j] = c[0] * own, y[j] = own + (PLAIN ? c : u)[0] * x[j];
      }
    } else {
      for (int j = 0; j < Q; j++) sum[j] = e[j];
    }
    for (int n = 0; n < N; n++) {
      const vf cn = all(c[column + n]), un = PLAIN ? cn : all(u[column + n]);
      for (int j = 0; j < Q; j++) sum[j] += cn * was[n][j], now[n][j] += un * x[j];
    }
    if (PLAIN || a.last) {
      for (int j = 0; j < Q; j++) h[j] = sum[j] * a.scale[i];
    } else {
      for (int j = 0; j < Q; j++) e[j] = sum[j];
    }
  }
  for (int n = 0; n < N; n++)
    for (int j = 0; j < Q; j++) vec(a.v[n])[q + j] = now[n][j];
}

// Calls f with the compile-time size of each tile of `count` things: as many of SIZE as fit, then the rest.
template <int N> struct Size { static constexpr int value = N; };
template <int SIZE, class F> inline void tiles(i64 count, F f) {
  i64 i = 0;
  for (; i + SIZE <= count; i += SIZE) f(i, Size<SIZE>());
  switch (count - i) {
    case 4: if constexpr (SIZE > 4) f(i, Size<4>()); break;
    case 3: if constexpr (SIZE > 3) f(i, Size<3>()); break;
    case 2: if constexpr (SIZE > 2) f(i, Size<2>()); break;
    case 1: if constexpr (SIZE > 1) f(i, Size<1>()); break;
  }
}

}  // namespace
