// Text into numbers: splits words, and numbers each different word in the order of its first occurrence.
// text.py calls this through ctypes; one `Words` belongs to one thread at a time.

#include <cstdint>
#include <cstdlib>
#include <cstring>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are compared and scanned as little-endian integers");

namespace {

using u8 = unsigned char;
using u64 = uint64_t;
using i64 = int64_t;

constexpr int PAD = 8;     // bytes that may be read beyond the end of a text
constexpr int AHEAD = 32;  // words whose slots are fetched before they are looked at

struct Slot {
  u64 head;       // the word's first 8 bytes, or fewer and zeros
  uint32_t size;  // in bytes
  int32_t word;   // its number; -1 for a free slot
};

}  // namespace

struct Words {
  Slot* slots = nullptr;
  u64 mask = 0;            // slots - 1; a power of two of them
  i64 count = 0;           // words
  char* bytes = nullptr;   // the words, each followed by the separator
  i64* starts = nullptr;   // (count + 1) places in `bytes`
  i64 bytes_room = 0, starts_room = 0;
  char separator = '\n';
};

namespace {

u64 load(const void* p) {
  u64 x;
  std::memcpy(&x, p, 8);
  return x;
}

u64 head_of(const u8* p, i64 size) { return size >= 8 ? load(p) : load(p) & ((u64(1) << (8 * size)) - 1); }

// Multiply and fold over 8 bytes at a time; the last ones overlap those before.
u64 hash_of(const u8* p, i64 size, u64 head) {
  const u64 k = 0x9E3779B97F4A7C15u;
  u64 h = (head ^ u64(size)) * k;
  if (size > 8) {
    for (i64 i = 8; i + 8 < size; i += 8) h = ((h ^ (h >> 29)) + load(p + i)) * k;
    h = ((h ^ (h >> 29)) + load(p + size - 8)) * k;
  }
  return h ^ (h >> 32);
}

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

// Twice the slots. The words are hashed anew: their hashes are not kept.
bool grow(Words& w) {
  const u64 n = w.slots ? 2 * (w.mask + 1) : 1 << 12;
  Slot* slots = static_cast<Slot*>(std::malloc(n * sizeof(Slot)));
  if (!slots) return false;
  for (u64 i = 0; i < n; i++) slots[i].word = -1;
  for (u64 i = 0; w.slots && i <= w.mask; i++) {
    const Slot s = w.slots[i];
    if (s.word < 0) continue;
    u64 at = hash_of(bytes_of(w, s.word), s.size, s.head) & (n - 1);
    while (slots[at].word >= 0) at = (at + 1) & (n - 1);
    slots[at] = s;
  }
  std::free(w.slots);
  w.slots = slots;
  w.mask = n - 1;
  return true;
}

// The number of a word, a new one at its first occurrence; -1 without memory.
int32_t number(Words& w, const u8* p, i64 size, u64 head, u64 hash) {
  u64 at = hash & w.mask;
  for (;; at = (at + 1) & w.mask) {
    const Slot& s = w.slots[at];
    if (s.word < 0) break;
    if (s.head == head && s.size == size &&
        (size <= 8 || std::memcmp(bytes_of(w, s.word) + 8, p + 8, size - 8) == 0))
      return s.word;
  }
  const i64 start = w.count ? w.starts[w.count] : 0;
  if (w.count == INT32_MAX || !reserve(w.bytes, w.bytes_room, start + size + 1 + PAD) ||
      !reserve(w.starts, w.starts_room, w.count + 2))
    return -1;
  std::memcpy(w.bytes + start, p, size);
  w.bytes[start + size] = w.separator;
  w.starts[w.count] = start;
  w.starts[w.count + 1] = start + size + 1;
  w.slots[at] = {head, uint32_t(size), int32_t(w.count)};
  w.count++;
  if (3 * u64(w.mask + 1) < 4 * u64(w.count) && !grow(w)) return -1;
  return int32_t(w.count - 1);
}

// Words waiting for their slots, which are being fetched meanwhile.
struct Queue {
  Words& w;
  int32_t* out;
  i64 written = 0;
  int waiting = 0;
  bool failed = false;
  const u8* p[AHEAD];
  i64 size[AHEAD];
  u64 head[AHEAD], hash[AHEAD];

  void add(const u8* from, const u8* to) {
    const int i = waiting++;
    p[i] = from;
    size[i] = to - from;
    head[i] = head_of(from, size[i]);
    hash[i] = hash_of(from, size[i], head[i]);
    __builtin_prefetch(&w.slots[hash[i] & w.mask]);
    if (waiting == AHEAD) flush();
  }

  void flush() {
    for (int i = 0; i < waiting; i++) {
      const int32_t found = number(w, p[i], size[i], head[i], hash[i]);
      failed |= found < 0;
      out[written++] = found;
    }
    waiting = 0;
  }

  i64 words() const { return written + waiting; }
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
  const u8 least = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80, most = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
  if (p[1] < least || p[1] > most) return 0;
  code = a & (0x7F >> size);
  for (int i = 1; i < size; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (p[i] & 0x3F);
  }
  return size;
}

// Where the word at p ends: at white space, or at the end; null at what is not UTF-8, and then p is there.
const u8* word_end(const u8*& p, const u8* end) {
  const u64 low = 0x2121212121212121u, top = 0x8080808080808080u;
  for (const u8* q = p;;) {
    const u64 x = load(q);
    const u64 special = (((x - low) & ~x) | x) & top;  // the lowest mark is right: a byte below '!' or beyond ASCII
    if (!special) {
      q += 8;
      continue;
    }
    q += __builtin_ctzll(special) >> 3;
    if (q >= end) return end;
    if (*q < 0x80) {
      if (ascii_space(*q)) return q;
      q++;
      continue;
    }
    uint32_t code;
    const int size = decode(q, end, code);
    if (!size) {
      p = q;
      return nullptr;
    }
    if (space(code)) return q;
    q += size;
  }
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

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
  std::free(w->slots);
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

// Splits UTF-8 text at white space. PAD bytes after the n of `text` must be readable.
// tokens: room for n / 2 + 1 numbers; lines: room for a length a newline and one more: the words of each line, those
// after the last newline included. found: {words, newlines, place of the first byte that is no UTF-8 or -1}.
// Gives 1 without memory.
EXPORT int w2v_words_split(Words* w, const char* text, i64 n, int32_t* tokens, int32_t* lines, i64* found) {
  const u8 *p = reinterpret_cast<const u8*>(text), *end = p + n;
  Queue queue{*w, tokens};
  i64 newlines = 0, before = 0;
  found[2] = -1;
  while (p < end) {
    if (*p < 0x80) {
      if (ascii_space(*p)) {
        if (*p++ == '\n') {
          lines[newlines++] = int32_t(queue.words() - before);
          before = queue.words();
        }
        continue;
      }
    } else {
      uint32_t code;
      const int size = decode(p, end, code);
      if (size && space(code)) {
        p += size;
        continue;
      }
    }
    const u8* to = word_end(p, end);
    if (!to) {
      found[2] = p - reinterpret_cast<const u8*>(text);
      break;
    }
    queue.add(p, to);
    p = to;
  }
  queue.flush();
  lines[newlines] = int32_t(queue.words() - before);
  found[0] = queue.words();
  found[1] = newlines;
  return queue.failed;
}

// Splits at the byte 0 alone, so words may hold anything else or be empty: one word more than there are zeros.
// tokens: room for n + 1 numbers. Gives 1 without memory.
EXPORT int w2v_words_split_joined(Words* w, const char* text, i64 n, int32_t* tokens) {
  const u8 *p = reinterpret_cast<const u8*>(text), *end = p + n;
  Queue queue{*w, tokens};
  for (;; p++) {
    const void* zero = std::memchr(p, 0, end - p);
    const u8* to = zero ? static_cast<const u8*>(zero) : end;
    queue.add(p, to);
    p = to;
    if (p == end) break;
  }
  queue.flush();
  return queue.failed;
}

// to[i] = map[from[i]]; gives 1 where a number lies outside the map.
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
