// Splits texts from stdin (int64 length, bytes) in buffers of exactly the sizes that splitting.cpp asks for: for
// sanitizers. Prints the number of texts and a checksum of their words, which is the same in every build.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

struct Words;
extern "C" {
Words* w2v_words_new(int separator);
void w2v_words_free(Words*);
int64_t w2v_words_count(const Words*);
const char* w2v_words_bytes(const Words*, int64_t first, int64_t last, int64_t* size);
int w2v_words_split(Words*, const char*, int64_t, int32_t*, int32_t*, int64_t*);
int w2v_words_split_joined(Words*, const char*, int64_t, int32_t*);
int w2v_remap(const int32_t*, int32_t*, int64_t, const int32_t*, int64_t);
}

static int64_t count(const char* text, int64_t n, char wanted) {
  int64_t times = 0;
  for (int64_t i = 0; i < n; i++) times += text[i] == wanted;
  return times;
}

static int32_t* numbers(int64_t n) { return static_cast<int32_t*>(std::malloc(4 * n)); }

int main() {
  Words* lines = w2v_words_new('\n');
  Words* joined = w2v_words_new(0);
  int64_t n;
  int64_t texts = 0;
  uint64_t checksum = 0;
  for (; std::fread(&n, sizeof n, 1, stdin) == 1; texts++) {
    char* text = static_cast<char*>(std::calloc(n + 16, 1));
    if (n && std::fread(text, n, 1, stdin) != 1) return 1;

    const int64_t newlines = count(text, n, '\n');
    int64_t found[3];
    int32_t* tokens = numbers(n / 2 + 1);
    int32_t* ends = numbers(newlines + 1);
    if (w2v_words_split(lines, text, n, tokens, ends, found)) return 1;
    for (int64_t i = 0; i < found[0]; i++) checksum = checksum * 31 + tokens[i];
    int64_t sum = 0;
    for (int64_t i = 0; i <= found[1]; i++) sum += ends[i];
    if (sum != found[0] || (found[2] < 0 && found[1] != newlines)) return 2;

    const int64_t V = w2v_words_count(lines);
    int64_t size;
    w2v_words_bytes(lines, 0, V, &size);
    int32_t* map = static_cast<int32_t*>(std::calloc(V + 1, 4));
    if (w2v_remap(tokens, tokens, found[0], map, V)) return 3;
    std::free(map);
    std::free(ends);
    std::free(tokens);

    tokens = numbers(count(text, n, 0) + 1);
    if (w2v_words_split_joined(joined, text, n, tokens)) return 1;
    std::free(tokens);
    std::free(text);
  }
  w2v_words_free(lines);
  w2v_words_free(joined);
  std::printf("%lld %llu\n", static_cast<long long>(texts), static_cast<unsigned long long>(checksum));
}
