// Encodes text: splits words, and numbers each different word in the order of its first occurrence.
// splitting.py calls this through ctypes; one `Words` belongs to one thread at a time.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "../native.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are compared and scanned as little-endian integers");

namespace {

using u8 = unsigned char;
using u64 = uint64_t;
using i64 = int64_t;

constexpr std::size_t HUGE_PAGE = 2 << 20;
constexpr int AHEAD = 16;               // words whose slots are fetched before they are looked at; a power of two
constexpr int SHORT = 11;               // bytes of a word that is all in its key
constexpr uint32_t LONG = 0xFFu << 24;  // of `Key::tail`, where a short word's size is

// A short word: its first 8 bytes, the others and its size, so equal keys are equal words. A long one: a hash.
struct Key {
  u64 head;
  uint32_t tail;

  bool operator==(const Key& k) const { return ((head ^ k.head) | (tail ^ k.tail)) == 0; }
};

// A quarter of a cache line, so that none lies in two.
struct Slot {
  u64 head;
  uint32_t tail;
  int32_t word;  // its number; -1 for a free slot

  Key key() const { return {head, tail}; }
};

// What the hash depends on: colliding words cannot be chosen by someone who does not know it.
struct HashKey {
  u64 first;
  u64 second;
};

HashKey hash_key = {0x9E3779B97F4A7C15u, 0xD1B54A32D192ED03u};  // of the tables made from now on

}  // namespace

struct Words {
  HashKey hash_key = ::hash_key;
  Slot* slots = nullptr;
  u64 mask = 0;           // slots - 1; a power of two of them
  i64 count = 0;          // words
  char* bytes = nullptr;  // the words, each followed by the separator
  i64* starts = nullptr;  // (count + 1) places in `bytes`
  i64 bytes_room = 0;     // allocated for `bytes`
  i64 starts_room = 0;    // and for `starts`
  char separator = '\n';
};

namespace {

u64 load(const void* p) {
  u64 x;
  std::memcpy(&x, p, 8);
  return x;
}

// Multiply and fold.
u64 fold(u64 x, u64 y, HashKey key) {
  const auto product = static_cast<unsigned __int128>(x ^ key.first) * (y ^ key.second);
  return u64(product) ^ u64(product >> 64);
}

u64 first_bytes(const u8* p, i64 n) { return n < 8 ? load(p) & ~(~u64(0) << (8 * n)) : load(p); }

Key long_key(const u8* p, i64 size, HashKey hash_key) {
  u64 h = size;
  for (i64 i = 0; i < size; i += 8) h = fold(h, first_bytes(p + i, size - i), hash_key);
  return {h, LONG | uint32_t(h >> 40)};
}

// Reads 16 bytes from p on.
Key key_of(const u8* p, i64 size, HashKey hash_key) {
  if (__builtin_expect(size > SHORT, 0)) return long_key(p, size, hash_key);
  alignas(32) static constexpr u8 ones[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  const u8* mask = ones + SHORT - size;
  return {load(p) & load(mask), uint32_t(load(p + 8) & load(mask + 8)) | uint32_t(size) << 24};
}

u64 hash_of(const Key& key, HashKey hash_key) { return fold(key.head, key.tail, hash_key); }

template <class T>
bool reserve(T*& array, i64& room, i64 needed) {
  if (needed <= room) return true;
  const i64 wanted = needed + needed / 2 + 64;
  T* grown = static_cast<T*>(std::realloc(array, wanted * sizeof(T)));
  if (!grown) return false;
  array = grown;
  room = wanted;
  return true;
}

const u8* bytes_of(const Words& w, i64 word) { return reinterpret_cast<const u8*>(w.bytes) + w.starts[word]; }

// Twice the slots.
bool grow(Words& w) {
  const u64 n = w.slots ? 2 * (w.mask + 1) : 1 << 12;
  const u64 size = n * sizeof(Slot);
  void* memory = allocate_aligned(size < HUGE_PAGE ? 64 : HUGE_PAGE, size);
  if (!memory) return false;
#ifdef __linux__
  if (size >= HUGE_PAGE) madvise(memory, size, MADV_HUGEPAGE);  // fewer page walks; advice
#endif
  std::memset(memory, -1, size);  // word = -1
  Slot* slots = static_cast<Slot*>(memory);
  for (u64 i = 0; w.slots && i <= w.mask; i++) {
    const Slot s = w.slots[i];
    if (s.word < 0) continue;
    u64 at = hash_of(s.key(), w.hash_key) & (n - 1);
    while (slots[at].word >= 0) at = (at + 1) & (n - 1);
    slots[at] = s;
  }
  free_aligned(w.slots);
  w.slots = slots;
  w.mask = n - 1;
  return true;
}

// The number of a word, a new one at its first occurrence; -1 without memory.
int32_t number(Words& w, const u8* p, i64 size, const Key& key, u64 hash) {
  u64 at = hash & w.mask;
  for (; w.slots[at].word >= 0; at = (at + 1) & w.mask) {
    if (!(w.slots[at].key() == key)) continue;
    const i64 word = w.slots[at].word;
    if (key.tail < LONG ||
        (w.starts[word + 1] - w.starts[word] - 1 == size && !std::memcmp(bytes_of(w, word), p, size)))
      return int32_t(word);
  }
  if (w.mask + 1 < 2 * u64(w.count + 1)) {
    if (!grow(w)) return -1;
    for (at = hash & w.mask; w.slots[at].word >= 0;) at = (at + 1) & w.mask;
  }
  const i64 start = w.count ? w.starts[w.count] : 0;
  if (w.count == INT32_MAX || !reserve(w.bytes, w.bytes_room, start + size + 1) ||
      !reserve(w.starts, w.starts_room, w.count + 2))
    return -1;
  std::memcpy(w.bytes + start, p, size);
  w.bytes[start + size] = w.separator;
  w.starts[w.count] = start;
  w.starts[w.count + 1] = start + size + 1;
  w.slots[at] = {key.head, key.tail, int32_t(w.count)};
  return int32_t(w.count++);
}

// Words waiting for their slots, which are being fetched meanwhile.
struct Queue {
  struct Entry {
    const u8* p;
    i64 size;
    Key key;
    u64 hash;
  };

  Words& w;
  const HashKey hash_key;
  int32_t* out;
  i64 words = 0;
  bool failed = false;
  Entry waiting[AHEAD];

  Queue(Words& table, int32_t* tokens) : w(table), hash_key(table.hash_key), out(tokens) {}

  void add(const u8* from, const u8* to) {
    if (words >= AHEAD) look_up(words - AHEAD);
    const Key key = key_of(from, to - from, hash_key);
    const u64 hash = hash_of(key, hash_key);
    __builtin_prefetch(&w.slots[hash & w.mask]);
    waiting[words++ % AHEAD] = {from, to - from, key, hash};
  }

  void look_up(i64 i) {
    const Entry& e = waiting[i % AHEAD];
    out[i] = number(w, e.p, e.size, e.key, e.hash);
    failed |= out[i] < 0;
  }

  void finish() {
    for (i64 i = words < AHEAD ? 0 : words - AHEAD; i < words; i++) look_up(i);
  }
};

bool ascii_space(u8 c) { return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F); }

// White space as Python's str.isspace, beyond ASCII.
bool space(uint32_t c) {
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

// Bytes of the character at p, which is not ASCII, and its code; 0 for what is not UTF-8 (Unicode 15, table 3-7).
int decode(const u8* p, const u8* end, uint32_t& code) {
  const u8 a = p[0];
  const int size = a < 0xC2 ? 0 : a < 0xE0 ? 2 : a < 0xF0 ? 3 : a < 0xF5 ? 4 : 0;
  if (!size || end - p < size) return 0;
  const u8 least = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
  const u8 most = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
  if (p[1] < least || p[1] > most) return 0;
  code = a & (0x7F >> size);
  for (int i = 1; i < size; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (p[i] & 0x3F);
  }
  return size;
}

// Bit i: byte i is below '!' or beyond ASCII.
u64 special(const u8* p) {
  u64 bits = 0;
#ifdef __SSE2__
  for (int i = 0; i < 4; i++) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p) + i);
    // Signed, so bytes beyond ASCII are below.
    bits |= u64(uint32_t(_mm_movemask_epi8(_mm_cmplt_epi8(x, _mm_set1_epi8('!'))))) << (16 * i);
  }
#else
  const u64 low7 = 0x7F7F7F7F7F7F7F7Fu;
  const u64 top = ~low7;
  // '!' + 0x5F is 0x80.
  const u64 above = 0x5F5F5F5F5F5F5F5Fu;
  for (int i = 0; i < 8; i++) {
    const u64 x = load(p + 8 * i);
    const u64 marks = (~((x & low7) + above) | x) & top;
    bits |= ((marks >> 7) * 0x0102040810204080u >> 56) << (8 * i);
  }
#endif
  return bits;
}

}  // namespace

// Sets what the hash of the tables made from now on depends on; the numbers of the words do not.
EXPORT void w2v_words_set_hash_key(u64 first, u64 second) { hash_key = {first, second}; }

// A new table of words, or null without memory; `separator` follows each word in w2v_words_bytes.
EXPORT Words* w2v_words_new(int separator) {
  Words* w = static_cast<Words*>(std::malloc(sizeof(Words)));
  if (!w) return nullptr;
  *w = Words{};
  w->separator = char(separator);
  if (!grow(*w)) {
    std::free(w);
    return nullptr;
  }
  return w;
}

EXPORT void w2v_words_free(Words* w) {
  if (!w) return;
  free_aligned(w->slots);
  std::free(w->bytes);
  std::free(w->starts);
  std::free(w);
}

EXPORT i64 w2v_words_count(const Words* w) { return w->count; }

// Words first .. last - 1, each followed by the separator; their length in bytes is written to `size`.
EXPORT const char* w2v_words_bytes(const Words* w, i64 first, i64 last, i64* size) {
  const i64 start = first < last ? w->starts[first] : 0;
  *size = first < last ? w->starts[last] - start : 0;
  return w->bytes + start;
}

// Splits UTF-8 text at white space. 16 bytes after the n of `text` must be readable.
// tokens: space for n / 2 + 1 numbers. lines: space for one length per newline and one more: the words of each line,
// those after the last newline included. found: {words, newlines, place of the first byte that is not UTF-8 or -1}.
// Returns 1 without memory.
EXPORT int w2v_words_split(Words* w, const char* text, i64 n, int32_t* tokens, int32_t* lines, i64* found) {
  const u8* const begin = reinterpret_cast<const u8*>(text);
  const u8* const end = begin + n;
  const u8* start = begin;  // of the word
  const u8* next = begin;   // the first character not looked at yet
  const u8* bad = nullptr;
  Queue queue(*w, tokens);
  i64 newlines = 0;
  i64 before = 0;  // words before the line
  for (const u8* p = begin; p < end && !bad; p += 64) {
    u64 bits;
    if (end - p >= 64) {
      bits = special(p);
    } else {
      u8 rest[64] = {};
      std::memcpy(rest, p, end - p);
      bits = special(rest) & ((u64(1) << (end - p)) - 1);
    }
    for (; bits; bits &= bits - 1) {
      const u8* q = p + __builtin_ctzll(bits);
      if (q < next) continue;
      int size = 1;
      if (*q != ' ' && *q != '\n') {
        uint32_t code = 0;
        if (*q >= 0x80 && !(size = decode(q, end, code))) {
          bad = q;
          break;
        }
        next = q + size;
        if (*q < 0x80 ? !ascii_space(*q) : !space(code)) continue;
      }
      if (q > start) queue.add(start, q);
      start = q + size;
      if (*q == '\n') {
        lines[newlines++] = int32_t(queue.words - before);
        before = queue.words;
      }
    }
  }
  if (!bad && end > start) queue.add(start, end);
  queue.finish();
  lines[newlines] = int32_t(queue.words - before);
  found[0] = queue.words;
  found[1] = newlines;
  found[2] = bad ? bad - begin : -1;
  return queue.failed;
}

// Splits at the table's separator alone, so words may hold anything else or be empty: one word more than separators.
// 16 bytes after the n of `text` must be readable. tokens: space for n + 1 numbers. Returns 1 without memory.
EXPORT int w2v_words_split_joined(Words* w, const char* text, i64 n, int32_t* tokens) {
  const u8* p = reinterpret_cast<const u8*>(text);
  const u8* end = p + n;
  Queue queue(*w, tokens);
  for (;; p++) {
    const void* found = std::memchr(p, w->separator, end - p);
    const u8* to = found ? static_cast<const u8*>(found) : end;
    queue.add(p, to);
    p = to;
    if (p == end) break;
  }
  queue.finish();
  return queue.failed;
}

// to[i] = map[from[i]]. Returns 1 where a number lies outside the map.
EXPORT int w2v_remap(const int32_t* from, int32_t* to, i64 n, const int32_t* map, i64 size) {
  bool outside = false;
  for (i64 i = 0; i < n; i++) {
    const bool inside = u64(i64(from[i])) < u64(size);
    outside |= !inside;
    to[i] = inside ? map[from[i]] : -1;
  }
  return outside;
}

// counts[tokens[i]] += 1; every token must lie within `counts`.
EXPORT void w2v_count(const int32_t* tokens, i64 n, i64* counts) {
  for (i64 i = 0; i < n; i++) counts[tokens[i]]++;
}
