// Runs recorded calls of the CPU kernel (native.py writes them) without Python: for sanitizers and for an emulator.
// Built with the kernel's own W and NAME. Every buffer is as long as promised, to the byte.
//   replay < calls > tables-and-results
#include <stddef.h>
#include <stdio.h>

#include "../../torch_w2v/engines/cpu.cpp"

static void *read_array(size_t *size) {
  int64_t bytes;
  if (fread(&bytes, sizeof bytes, 1, stdin) != 1) return nullptr;  // the end
  *size = (size_t)bytes;
  void *p;
  if (posix_memalign(&p, 64, *size)) abort();
  if (fread(p, 1, *size, stdin) != *size) abort();
  return p;
}

int main() {
  enum { ARRAYS = offsetof(Call, V) / sizeof(void *) };
  for (;;) {
    Call call;
    void *arrays[ARRAYS];
    size_t sizes[ARRAYS];
    for (int i = 0; i < ARRAYS; i++)
      if (!(arrays[i] = read_array(&sizes[i]))) return i != 0;
    memcpy((void *)&call, arrays, sizeof arrays);
    if (!sizes[6]) call.input_scale = nullptr;
    if (!sizes[7]) call.output_scale = nullptr;
    if (fread(&call.V, sizeof call - offsetof(Call, V), 1, stdin) != 1) return 1;
    if (NAME(&call)) return 2;
    fwrite(arrays[0], 1, sizes[0], stdout);
    fwrite(arrays[1], 1, sizes[1], stdout);
    fwrite(arrays[8], 1, sizes[8], stdout);
    for (void *p : arrays) free(p);
  }
}
