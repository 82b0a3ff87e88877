// The fused CPU kernel: blocks of T kept tokens, one at a time (docs/algorithm.md). reference.py says what it must give.
//
// Compiled once per instruction set (W = floats in a vector, NAME = the entry point), into one library with a plain C
// ABI. Nothing here may have external linkage but the entry points: code shared between the copies by the linker would
// run with another copy's instructions. Hence no standard library templates.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef W
#define W 4
#endif
#ifndef NAME
#define NAME w2v_train_base
#endif

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

// NVC: vectors in a row where that is known to the compiler, else 0.
template <int NVC> struct Block {
  const Call &a;
  // The sets that are trained together are a group, of TG targets. With G > 1 a set has one target (cpu.py sees to it).
  const i64 D, NV, T, S, N, TS, K1, G, groups, TG, NW, ring;
  i64 span;  // a power of two, more than the places that a block reaches
  float *P, *Q, *H, *E, *zero, *spare, *label, *score, *coef, *scaled, *share, *ones, *pull, *drift;
  vf *sums;
  int32_t *words, *later;  // (groups, NW) of this block and of the next: each set's negatives, then its targets; then -1
  int32_t *count = nullptr;  // (V) of a word in a stretch of places; zeros in between
  uint64_t *draws;
  int32_t *slot;  // where a block's target is in H, E and share: those of one set lie together
  float **hs, **rows, **origin;
  uint8_t *edges;  // (span) whether the place is the low or high end of a target's window
  const float **ahead;
  i64 waiting = 0, fetched = 0;
  double loss = 0, pairs = 0;
  i64 drifting = -1;  // the sentence, by its first place, that `drift` is of
  bool lonely;  // a target of this block has no context

  Block(const Call &call, i64 ring, Memory &m)
      : a(call), D(call.stride), NV(NVC ? NVC : call.stride / W), T(call.T), S(call.S), N(call.N), TS((T + S - 1) / S),
        K1(N + 1), G(call.G), groups((S + G - 1) / G), TG(TS * G), NW(((G > 1 ? TG * K1 : N + TS) + W - 1) / W * W),
        ring(ring) {
    P = m.get<float>(ring * D), Q = m.get<float>(ring * D);        // rings: sums of rows before, differences of errors
    H = m.get<float>(S * TS * D), E = m.get<float>(TG * D);  // by set: targets' hidden layers, then their errors; one group's errors
    zero = m.get<float>(D), spare = m.get<float>(2 * NW * D), ones = m.get<float>(TG);
    for (span = ring; span < ring + T;) span *= 2;
    edges = m.get<uint8_t>(span), share = m.get<float>(S * TS);  // 1 / context words, 0 without any
    sums = m.get<vf>(TG * K1 + W), score = m.get<float>(TG * K1 + W);
    coef = m.get<float>(TG * K1 + W), scaled = m.get<float>(TG * K1 + W);
    words = m.get<int32_t>(groups * NW), later = m.get<int32_t>(groups * NW);
    hs = m.get<float *>(TG), rows = m.get<float *>(NW), origin = m.get<float *>(NW);
    ahead = m.get<const float *>(S * N + 2 * T + 1), slot = m.get<int32_t>(T), draws = m.get<uint64_t>(S * N), label = m.get<float>(TG * K1 + W);
    if (a.fresh) pull = m.get<float>(T), drift = m.get<float>(D), count = m.get<int32_t>(a.V);
    if (m.failed) return;
    if (a.fresh) memset(count, 0, sizeof(int32_t) * (size_t)a.V);
    memset(zero, 0, sizeof(float) * (size_t)D);
    memset(Q, 0, sizeof(float) * (size_t)(ring * D)), memset(edges, 0, (size_t)span);
    for (i64 i = 0; i < TG; i++) ones[i] = 1.f;
    for (i64 k = 0; k < T; k++) slot[k] = (int32_t)((k % S) * TS + k / S);
    for (i64 i = 0; i < TG * K1 + W; i++) label[i] = i % K1 ? 0.f : 1.f;
  }

  i64 vectors() const { return NVC ? NVC : NV; }
  float *input(int32_t word) const { return a.inputs + (i64)word * D; }
  float *output(int32_t word) const { return a.outputs + (i64)word * D; }
  float *ringed(float *buffer, i64 place) const { return buffer + (place & (ring - 1)) * D; }

  void choose(const Stream &s, i64 t0, i64 t1) {  // `later`, for the block t0 to t1
    memset(later, 0xff, sizeof(int32_t) * (size_t)(groups * NW));
    const i64 most = G > 1 ? TG * K1 : N;  // where a group's negatives end
    const uint64_t counter = (uint64_t)(a.position + s.raw[t0]) * (uint64_t)(S * N);
    for (i64 i = 0; i < S * N; i++) draws[i] = draw((uint64_t)a.noise_stream, counter + (uint64_t)i);
    auto slot_of = [&](uint64_t z) { return (i64)(((z >> 32) * (uint64_t)a.V) >> 32); };
    for (i64 i = 0, group = 0, k = 0, left = N; i < S * N; i++) {
      __builtin_prefetch(a.noise + 2 * slot_of(draws[min(i + 16, S * N - 1)]));
      const uint64_t z = draws[i];
      const i64 row = slot_of(z);
      const int32_t own = -(int32_t)((uint32_t)z < a.noise[2 * row]);  // all bits or none: no branch
      later[group * NW + k++] = ((int32_t)row & own) | ((int32_t)a.noise[2 * row + 1] & ~own);
      if (--left == 0) left = N, k += G > 1;
      if (k == most) k = 0, group++;
    }
    for (i64 t = t0, group = 0, i = 0; t < t1; t++) {
      later[group * NW + N + i] = s.id[t];
      if (G > 1) i += K1, i == most ? i = 0, group++ : 0;
      else if (++group == S) group = 0, i++;
    }
  }
  // The rows of the next block, to be prefetched along the way. Not the most frequent words': they are in the cache
  // already, or another thread has just changed them and will again.
  void look_ahead(const Stream &s, i64 t1, i64 stop) {
    waiting = fetched = 0;
    if (t1 >= stop) return;
    choose(s, t1, min(stop, t1 + T));
    auto add = [&](int32_t word, const float *row) { ahead[waiting] = row, waiting += word >= FREQUENT; };
    for (i64 i = 0; G == 1 && i < groups * NW; i++) add(later[i], output(later[i]));  // else too many for the cache
    for (i64 c = t1 + s.reach; c < min(s.n, t1 + s.reach + T); c++) add(s.id[c], input(s.id[c]));
  }
  void near(const float *row) const {
    for (i64 d = 0; d < D; d += 16) __builtin_prefetch(row + d, 1);
  }
  void fetch(i64 parts_left) {
    for (i64 stop = fetched + (waiting - fetched) / parts_left; fetched < stop; fetched++)
      for (i64 d = 0; d < D; d += 16) __builtin_prefetch(ahead[fetched] + d, 0, 2);
  }

  // How far the windows of targets before t1 can reach: loops up to here take one step a target, whatever the windows
  // drawn, which the processor's branch prediction rewards.
  i64 far(const Stream &s, i64 t1) const { return min(min(s.last[t1 - 1], s.n), t1 + s.reach); }

  // In both of the following, WIDE is for windows that hold many more places than are the edge of one: the rings are
  // read and written at those alone.
  uint8_t &edge(i64 place) const { return edges[place & (span - 1)]; }

  template <bool WIDE> void hidden(const Stream &s, i64 t0, i64 t1) {  // H[t] = mean or sum of the window's rows
    const i64 NV = vectors(), end = far(s, t1);
    vf sum[NVC ? NVC : MOST / W];
    i64 c = max(s.first[t0], t0 - s.reach);
    if (WIDE)
      for (i64 t = t0; t < t1; t++) edge(s.low(t)) = edge(s.high(t)) = 1;
    float least = 1.f;
    for (i64 q = 0; q < NV; q++) vec(ringed(P, c))[q] = sum[q] = vf{};
    for (i64 t = t0; t < t1; t++) {
      for (const i64 stop = min(end, t + s.reach + 1); c < stop;) {
        near(input(s.id[min(c + 4, s.n - 1)]));
        const vf *x = vec(input(s.id[c]));
        for (i64 q = 0; q < NV; q++) sum[q] += x[q];
        if (++c; WIDE && !edge(c)) continue;
        vf *p = vec(ringed(P, c));
        for (i64 q = 0; q < NV; q++) p[q] = sum[q];
      }
      const i64 lo = s.low(t), hi = s.high(t);
      const float inverse = hi - lo > 1 ? 1.f / (float)(hi - lo - 1) : 0.f;
      share[slot[t - t0]] = inverse, least = inverse < least ? inverse : least;
      const vf scale = all(a.cbow_mean ? inverse : hi - lo > 1 ? 1.f : 0.f);
      const vf *l = vec(ringed(P, lo)), *u = vec(ringed(P, hi)), *x = vec(input(s.id[t]));
      vf *h = vec(H + slot[t - t0] * D);
      for (i64 q = 0; q < NV; q++) h[q] = (u[q] - l[q] - x[q]) * scale;
    }
    lonely = least == 0.f;
  }

  void train_group(i64 t0, i64 t1, i64 group, float alpha) {
    const i64 NV = vectors();
    const i64 tn = G > 1 ? min(G, t1 - t0 - group * G) : (t1 - t0 - group + S - 1) / S;  // targets
    const i64 n = G > 1 ? tn * K1 : N + tn;                // rows
    const i64 own = G > 1 ? K1 : 1, next = G > 1 ? K1 : 0;  // from one target to the next: its row and its negatives
    const int32_t *word = words + group * NW;
    float *h = H + group * TG * D;
    for (i64 k = 0; k < n; k++) rows[k] = output(word[k]);
    for (i64 i = 0; i < tn; i++) hs[i] = h + i * D;
    if (group + 1 < groups)  // the next rows into the first cache
      for (i64 i = 0; i < n && word[NW + i] >= 0; i++) near(output(word[NW + i]));
    const bool twice = repeated(word, n);
    auto scores = [&](i64 i, auto M) {
      constexpr int m = decltype(M)::value;
      const i64 left = (groups - group) * TG - i;
      fetch(left > m ? left / m : 1);
      tiles<NT>(N, [&](i64 k, auto Nk) {
        constexpr int n = decltype(Nk)::value;
        float *const *v = rows + i * next + k;
        if (k == 0) dots<m, n, true>(hs + i, rows + N + i * own, v, NV, sums + i * K1, K1);
        else dots<m, n, false>(hs + i, rows, v, NV, sums + i * K1 + 1 + k, K1);
      });
    };
    if (G == 1) tiles<MT>(tn, scores);
    for (i64 i = 0; G > 1 && i < tn; i++) scores(i, Size<1>());
    for (i64 i = tn * K1; i % W; i++) sums[i] = vf{};
    for (i64 i = 0; i < tn * K1; i += W) {
      const vf z = sum_lanes(sums + i);
      *vec(score + i) = z, *vec(coef + i) = sigmoid(z);
    }

    const bool divide = (a.cbow_mean != 0) == (a.exact_gradient != 0);  // docs/differences.md: the gradient
    const float weight = (float)((double)a.negative / (double)N);
    for (i64 i = 0; i < tn * K1; i += W) {
      const vf l = *vec(label + i);  // (1 - sigmoid) for the target, -sigmoid * weight for a negative
      *vec(coef + i) = (l - *vec(coef + i)) * (l * (1.f - weight) + weight) * alpha;
    }
    for (i64 i = 0; (twice || lonely || a.compute_loss) && i < tn; i++) {
      const int32_t y = word[N + i * own], *negatives = word + i * next;
      if (share[group * TG + i] == 0.f) {  // no context: trains nothing
        for (i64 k = 0; k < K1; k++) coef[i * K1 + k] = 0.f;
        continue;
      }
      for (i64 k = 0; k < N; k++)
        if (negatives[k] == y) coef[i * K1 + 1 + k] = 0.f;  // a negative equal to the target is skipped
      if (a.compute_loss) add_loss(score + i * K1, negatives, y, weight);
    }
    const float *u = coef;
    if (a.output_scale) {
      for (i64 i = 0; i < tn; i++) {
        scaled[i * K1] = coef[i * K1] * a.output_scale[word[N + i * own]];
        for (i64 k = 0; k < N; k++)
          scaled[i * K1 + 1 + k] = coef[i * K1 + 1 + k] * a.output_scale[word[i * next + k]];
      }
      u = scaled;
    }
    const i64 copies = twice ? part(word, n) : 0;
    const float *scale = divide ? share + group * TG : ones;
    for (i64 i = 0, at_once = G > 1 ? 1 : tn; i < tn; i += at_once) {
      Updates all_of{at_once, K1, D, h + i * D, E, rows + N + i * own, rows + i * next, coef + i * K1, u + i * K1,
                     scale + i, true, true};
      tiles<NT>(N, [&](i64 k, auto Nk) {
        constexpr int n = decltype(Nk)::value, Q = W == 16 ? 2 : 1;
        Updates tile = all_of;
        tile.v += k, tile.first = k == 0, tile.last = k + n == N;
        if (n == N && u == coef) update_rows<n, Q, true>(tile, 1);
        else update_rows<n, Q, false>(tile, 1 + k);
      });
    }
    join(copies);
  }
  template <int N, int Q, bool PLAIN> void update_rows(const Updates &tile, i64 column) {
    const i64 NV = vectors();
    i64 q = 0;
    for (; q + Q <= NV; q += Q) update<N, Q, PLAIN>(tile, q, column);
    for (; q < NV; q++) update<N, 1, PLAIN>(tile, q, column);
  }

  static bool repeated(const int32_t *word, i64 n) {  // whether one of n words (padded to NW) is there more than once
    vi twice = {};
    for (i64 j = 0; j < n; j += W) {
      const vi these = *(const vi *)(word + j);
      vi found = {};
      for (i64 i = 0; i < n; i++) found -= these == word[i];
      twice |= found > 1;
    }
    int32_t any = 0;
    for (int i = 0; i < W; i++) any |= twice[i];
    return any;
  }
  // A row that a set has more than once is read and written through a copy in all places but its first: every update
  // of a set comes from its rows as they were. Gives the number of copies; `join` adds what became of them.
  i64 part(const int32_t *word, i64 n) {
    i64 copies = 0;
    for (i64 i = 1; i < n; i++) {
      i64 j = 0;
      while (word[j] != word[i]) j++;
      if (j == i) continue;
      float *&row = rows[i], *was = spare + 2 * copies * D;
      memcpy(was, row, sizeof(float) * (size_t)D), memcpy(was + D, row, sizeof(float) * (size_t)D);
      origin[copies++] = row, row = was + D;
    }
    return copies;
  }
  void join(i64 copies) {
    for (i64 i = 0; i < copies; i++) {
      vf *row = vec(origin[i]);
      const vf *was = vec(spare + 2 * i * D), *now = vec(spare + (2 * i + 1) * D);
      for (i64 q = 0; q < vectors(); q++) row[q] += now[q] - was[q];
    }
  }
  void add_loss(const float *z, const int32_t *word, int32_t y, double weight) {
    loss += softplus(-(double)z[0]), pairs += 1;
    for (i64 k = 0; k < N; k++)
      if (word[k] != y) loss += weight * softplus((double)z[1 + k]), pairs += weight;
  }

  // What errors of earlier targets have done to the hidden layers of later ones since `hidden` (docs/algorithm.md).
  void overlaps(const Stream &s, i64 t0, i64 t1) {
    for (i64 t = t0, next; t < t1; t = next) {
      i64 low = s.low(t), high = s.high(t);
      for (next = t + 1; next < t1 && s.first[next] == s.first[t]; next++)
        low = min(low, s.low(next)), high = max(high, s.high(next));
      double same = 0;  // pairs of places with the same word
      for (i64 c = low; c < high; c++) {
        const int32_t before = count[s.id[c]]++;
        same += a.input_scale ? (2 * before + 1) * a.input_scale[s.id[c]] : 2 * before + 1;
      }
      for (i64 c = low; c < high; c++) count[s.id[c]] = 0;
      same /= (double)(high - low) * (double)(high - low);
      for (i64 i = t; i < next; i++)
        pull[i - t0] = share[i - t0] == 0.f ? 0.f : (float)(same * (a.cbow_mean ? 1 : s.high(i) - s.low(i) - 1));
    }
    drifting = -1;
  }
  void freshen(const Stream &s, i64 t0, i64 from, i64 to) {
    for (i64 t = from; t < to && s.first[t] == drifting; t++) {
      vf *h = vec(H + (t - t0) * D), *d = vec(drift);
      for (i64 q = 0; q < vectors(); q++) h[q] += pull[t - t0] * d[q];
    }
  }
  void remember(const Stream &s, i64 t0, i64 from, i64 to) {
    for (i64 t = from; t < to; t++) {
      const vf *e = vec(H + (t - t0) * D);
      vf *d = vec(drift);
      if (s.first[t] != drifting) memset(drift, 0, sizeof(float) * (size_t)D), drifting = s.first[t];
      const float context = (float)(s.high(t) - s.low(t) - 1);
      for (i64 q = 0; q < vectors(); q++) d[q] += context * e[q];
    }
  }

  template <bool WIDE> void scatter(const Stream &s, i64 t0, i64 t1) {  // each context row gets the errors of the windows it lies in
    const i64 NV = vectors(), end = far(s, t1);
    i64 c = max(s.first[t0], t0 - s.reach);
    vf sum[NVC ? NVC : MOST / W];
    for (i64 q = 0; q < NV; q++) sum[q] = vf{};
    auto finish = [&](i64 stop) {  // rows that no later window reaches; the ring is left zero behind them
      for (; c < stop; c++) {
        near(input(s.id[min(c + 4, s.n - 1)]));
        vf *d = vec(ringed(Q, c)), *x = vec(input(s.id[c]));
        const bool inside = c >= t0 && c < t1;
        const vf *e = vec(inside ? H + slot[c - t0] * D : zero);
        const vf scale = all(a.input_scale ? a.input_scale[s.id[c]] : 1.f);
        if (WIDE && !inside && !edge(c)) {
          for (i64 q = 0; q < NV; q++) x[q] += sum[q] * scale;
          continue;
        }
        if (WIDE) edge(c) = 0;
        for (i64 q = 0; q < NV; q++) {
          sum[q] += d[q];
          d[q] = vf{};
          x[q] += (sum[q] - e[q]) * scale;
        }
      }
    };
    for (i64 t = t0; t < t1; t++) {
      finish(t - s.reach);
      const vf *e = vec(H + slot[t - t0] * D);
      vf *l = vec(ringed(Q, s.low(t))), *u = vec(ringed(Q, s.high(t)));
      for (i64 q = 0; q < NV; q++) {
        const vf v = e[q];
        l[q] += v, u[q] -= v;
      }
    }
    finish(end);
    for (i64 q = 0; q < NV; q++) vec(ringed(Q, end))[q] = vf{};
    if (WIDE) edge(end) = 0;
  }

  void train(const Stream &s, i64 t0, i64 t1, i64 stop, float alpha) {
    int32_t *swap = words;
    words = later, later = swap;
    look_ahead(s, t1, stop);
    const bool wide = s.reach > T / 2;
    wide ? hidden<true>(s, t0, t1) : hidden<false>(s, t0, t1);
    if (a.fresh) overlaps(s, t0, t1);
    for (i64 group = 0; group < groups && group * G < t1 - t0; group++) {
      const i64 from = t0 + group * G, to = min(from + G, t1);  // where a set is one target
      if (a.fresh) freshen(s, t0, from, to);
      train_group(t0, t1, group, alpha);
      if (a.fresh) remember(s, t0, from, to);
    }
    wide ? scatter<true>(s, t0, t1) : scatter<false>(s, t0, t1);
  }
};

template <int NVC> int train_chunk(const Call &a) {
  i64 longest = 1;
  for (i64 i = 0; i < a.sentences; i++) longest = max(longest, a.offsets[i + 1] - a.offsets[i]);
  const i64 reach = min(a.window, longest);
  i64 ring = 4;
  while (ring < 2 * reach + 3) ring *= 2;
  Memory m;
  Stream s(a, reach, m);
  Block<NVC> block(a, ring, m);
  if (m.failed) return 1;

  i64 kept = 0, t = 0;
  bool chosen = false;
  s.fill();
  while (t < s.n && s.raw[t] < a.begin) {  // context only
    if (++t == s.n && !s.ended()) t -= s.drop(t - reach), s.fill();
  }
  for (;;) {
    if (t + 2 * a.T + 2 * reach + 1 > s.n && !s.ended()) t -= s.drop(t - reach), s.fill();
    i64 stop = min(s.n, t + 2 * a.T);  // targets of this block and the next
    while (stop > t && s.raw[stop - 1] >= a.end) stop--;
    if (stop <= t) break;
    const i64 t1 = min(stop, t + a.T);
    if (!chosen) block.choose(s, t, t1), chosen = true;
    const double done = (double)(s.raw[t] - a.begin) / (double)(a.end - a.begin);
    block.train(s, t, t1, stop, (float)(a.alpha_begin + (a.alpha_end - a.alpha_begin) * done));
    kept += t1 - t, t = t1;
  }
  a.result[0] = (double)kept, a.result[1] = block.loss, a.result[2] = block.pairs;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int NAME(const Call *call) {
  switch (call->stride / W) {  // 100 and 300 floats, the usual sizes
    case 112 / W: return train_chunk<112 / W>(*call);
    case 304 / W: return train_chunk<304 / W>(*call);
    default: return train_chunk<0>(*call);
  }
}

#if W == 4  // in the object that every machine can run
// The best entry point for this machine: 0 base, 1 avx2, 2 avx512 (the flags are in CMakeLists.txt).
extern "C" __attribute__((visibility("default"))) int w2v_isa(void) {
#ifdef X86_64
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
      !__builtin_cpu_supports("bmi2"))
    return 0;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl") ? 2 : 1;
#else
  return 0;
#endif
}
#endif
