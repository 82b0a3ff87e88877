// Scratch memory of one call of the kernel.
#pragma once

#include <cstdint>
#include <cstring>

#include "../../native.h"

namespace {

using i64 = int64_t;

// Hands out arrays and frees them together. Not initialized unless said; null, and `failed`, where there is no memory.
struct Memory {
  bool failed = false;

  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    while (last) {
      void* before = *static_cast<void**>(last);
      free_aligned(last);
      last = before;
    }
  }

  // An array aligned to 64 bytes.
  template <class T>
  T* array(i64 size) {
    // Staggered: rows at the same place in two page-aligned arrays would look alike to the processor's store buffer.
    const size_t shift = FIRST + 576 * static_cast<size_t>(count);
    const size_t bytes = shift + sizeof(T) * static_cast<size_t>(size > 0 ? size : 1);
    void* part = allocate_aligned(64, bytes);
    if (!part) {
      failed = true;
      return nullptr;
    }
#ifdef POISON  // a test build, where a float that is read before it is written is NaN
    std::memset(part, 0xff, bytes);
#endif
    *static_cast<void**>(part) = last;
    last = part;
    count++;
    return reinterpret_cast<T*>(static_cast<char*>(part) + shift);
  }

  template <class T>
  T* zeros(i64 size) {
    T* values = array<T>(size);
    if (values) std::memset(values, 0, sizeof(T) * static_cast<size_t>(size));
    return values;
  }

 private:
  static constexpr size_t FIRST = 64;  // bytes in front of an array, at least: those of one line of the cache

  // The part that was allocated last. Each begins with the address of the one before, so there can be any number.
  void* last = nullptr;
  int count = 0;
};

}  // namespace
