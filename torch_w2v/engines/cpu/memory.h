// Scratch memory of one call of the kernel.
#pragma once

#include <cstdint>
#include <cstring>

#include "../../native.h"

namespace {

using i64 = int64_t;

// Hands out arrays and frees them together. Not initialized unless said; null, and `failed`, where there is no memory.
struct Memory {
  static constexpr int MOST = 48;  // arrays

  void* parts[MOST];
  int count = 0;
  bool failed = false;

  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    while (count) free_aligned(parts[--count]);
  }

  // An array aligned to 64 bytes.
  template <class T>
  T* array(i64 size) {
    // Staggered: rows at the same place in two page-aligned arrays would look alike to the processor's store buffer.
    const size_t shift = 576 * static_cast<size_t>(count);
    const size_t bytes = shift + sizeof(T) * static_cast<size_t>(size > 0 ? size : 1);
    void* part = count == MOST ? nullptr : allocate_aligned(64, bytes);
    if (!part) {
      failed = true;
      return nullptr;
    }
#ifdef POISON  // a test build, where a float that is read before it is written is NaN
    std::memset(part, 0xff, bytes);
#endif
    parts[count++] = part;
    return reinterpret_cast<T*>(static_cast<char*>(part) + shift);
  }

  template <class T>
  T* zeros(i64 size) {
    T* values = array<T>(size);
    if (values) std::memset(values, 0, sizeof(T) * static_cast<size_t>(size));
    return values;
  }
};

}  // namespace
