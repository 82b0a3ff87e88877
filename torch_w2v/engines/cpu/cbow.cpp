// The fused CPU kernel: blocks of T kept tokens, one at a time (docs/algorithm.md). reference.py says what it must give.
//
// Compiled once per instruction set (W = floats in a vector, NAME = the entry point), into one library with a plain C
// ABI. Nothing here may have external linkage but the entry points: code shared between the copies by the linker would
// run with another copy's instructions. Hence no standard library templates.

#ifndef W
#define W 4
#endif
#ifndef NAME
#define NAME w2v_train_base
#endif

#include "stream.h"

namespace {

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
// What engine.py checks: a library of another build would read shifted fields.
extern "C" __attribute__((visibility("default"))) int64_t w2v_call_size(void) { return sizeof(Call); }
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
