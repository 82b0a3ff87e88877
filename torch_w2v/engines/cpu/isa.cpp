// What Python asks the library before it calls a kernel. Compiled for every machine.

#include "../../native.h"
#include "call.h"
#ifdef X86_64
#include <cpuid.h>
#endif

#ifdef X86_64
namespace {

// The processor is asked directly: __builtin_cpu_supports needs a run-time library that answers, and not every
// compiler's does.
struct Features {
  unsigned leaf1_c = 0;
  unsigned leaf7_b = 0;
  unsigned leaf7_1_a = 0;
  unsigned long long saved = 0;  // registers that the system saves when it switches threads, XCR0

  Features() {
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    if (!__get_cpuid(1, &a, &b, &leaf1_c, &d)) return;
    if (!__get_cpuid_count(7, 0, &a, &leaf7_b, &c, &d)) return;
    if (a >= 1) __get_cpuid_count(7, 1, &leaf7_1_a, &b, &c, &d);
    if (!(leaf1_c & bit_OSXSAVE)) return;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    saved = static_cast<unsigned long long>(d) << 32 | a;
  }

  bool has(unsigned bits1_c, unsigned bits7_b, unsigned bits_saved) const {
    return (leaf1_c & bits1_c) == bits1_c && (leaf7_b & bits7_b) == bits7_b && (saved & bits_saved) == bits_saved;
  }
};

constexpr unsigned XMM_YMM = 0x6;
constexpr unsigned MASKS_ZMM = 0xE0;

}  // namespace
#endif

// Returns the last of the kernels that this machine can run: 0 base, 1 avx2, 2 avx512, 3 avx512bf16 (CMakeLists.txt has
// the flags). macOS saves the registers of AVX-512 from their first use on, so there the answer may be 1 where 2 would
// do.
EXPORT int w2v_isa() {
#ifdef X86_64
  const Features features;
  if (!features.has(bit_FMA, bit_AVX2 | bit_BMI | bit_BMI2, XMM_YMM)) return 0;
  const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL | bit_AVX512CD;
  if (!features.has(0, avx512, XMM_YMM | MASKS_ZMM)) return 1;
  return features.leaf7_1_a & bit_AVX512BF16 ? 3 : 2;
#else
  return 0;
#endif
}

// Returns whether products of bfloat16 gain time. An AMD processor (Zen 4) trains 1.2 times as fast with them, one of
// Intel's (Emerald Rapids) .6 to .7 times.
EXPORT int w2v_bfloat16_gains() {
#ifdef X86_64
  unsigned a;
  unsigned b;
  unsigned c;
  unsigned d;
  if (!__get_cpuid(0, &a, &b, &c, &d)) return 0;
  return b == signature_AMD_ebx && c == signature_AMD_ecx && d == signature_AMD_edx;
#else
  return 0;
#endif
}

// Returns the bytes of `Call`, by which a library of another version is recognized.
EXPORT int64_t w2v_call_size() { return sizeof(Call); }
