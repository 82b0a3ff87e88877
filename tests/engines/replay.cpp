// Runs recorded calls of the CPU kernel, which kernel_replay.py writes, without Python: for sanitizers and an emulator.
// Built with the kernel's own W and NAME. Every buffer is exactly as long as the kernel is promised.
//   replay < calls > tables-and-results
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../torch_w2v/engines/cpu/cbow.cpp"

static int (*const train_cbow)(const Call*) = NAME;

#undef NAME
#define NAME train_skip_gram_of_replay
#include "../../torch_w2v/engines/cpu/skipgram/skipgram.cpp"

// Returns an array and its size in bytes, or null at the end of the input.
static void* read_array(std::size_t* size) {
  int64_t bytes;
  if (std::fread(&bytes, sizeof bytes, 1, stdin) != 1) return nullptr;
  *size = static_cast<std::size_t>(bytes);
  void* memory;
  if (posix_memalign(&memory, 64, *size)) std::abort();
  if (std::fread(memory, 1, *size, stdin) != *size) std::abort();
  return memory;
}

int main() {
  constexpr int ARRAYS = offsetof(Call, V) / sizeof(void*);
  constexpr int INPUTS = offsetof(Call, inputs) / sizeof(void*);
  constexpr int OUTPUTS = offsetof(Call, outputs) / sizeof(void*);
  constexpr int INPUT_SCALE = offsetof(Call, input_scale) / sizeof(void*);
  constexpr int OUTPUT_SCALE = offsetof(Call, output_scale) / sizeof(void*);
  constexpr int RESULT = offsetof(Call, result) / sizeof(void*);
  for (;;) {
    Call call;
    void* arrays[ARRAYS];
    std::size_t sizes[ARRAYS];
    for (int i = 0; i < ARRAYS; i++) {
      arrays[i] = read_array(&sizes[i]);
      if (!arrays[i]) return i != 0;
    }
    std::memcpy(static_cast<void*>(&call), arrays, sizeof arrays);
    if (!sizes[INPUT_SCALE]) call.input_scale = nullptr;
    if (!sizes[OUTPUT_SCALE]) call.output_scale = nullptr;
    call.exchanged = nullptr;
    call.exchanges = nullptr;
    call.met = nullptr;
    if (std::fread(&call.V, sizeof call - offsetof(Call, V), 1, stdin) != 1) return 1;
    if (call.skip_gram ? NAME(&call) : train_cbow(&call)) return 2;
    std::fwrite(arrays[INPUTS], 1, sizes[INPUTS], stdout);
    std::fwrite(arrays[OUTPUTS], 1, sizes[OUTPUTS], stdout);
    std::fwrite(arrays[RESULT], 1, sizes[RESULT], stdout);
    for (void* array : arrays) std::free(array);
  }
}
