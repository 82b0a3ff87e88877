// What Python asks the library before it calls a kernel. Compiled for every machine.

#include "call.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

// Returns which kernel is the best that this machine can run: 0 base, 1 avx2, 2 avx512 (CMakeLists.txt has the flags).
EXPORT int w2v_isa() {
#ifdef X86_64
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return 2;
  if (avx2) return 1;
#endif
  return 0;
}

// Returns the bytes of `Call`, by which a library of another version is recognized.
EXPORT int64_t w2v_call_size() { return sizeof(Call); }
