// Rows that a thread has copies of: those that threads change most often, and that would travel between their caches.
#pragma once

#include "job.h"
#include "memory.h"

namespace {

// Words below `private_rows` are read as the numbers of the thread's own rows, which lie in the tables behind those of
// all words: nothing else in the kernel knows of them. Every now and then what a private row has learnt is added to the
// row that all threads share, and what others have learnt to the private one: after its word was a target so many
// times, wherever in the corpus that is, and as often as it is drawn as a negative, which is the same everywhere. Other
// threads do the same without a lock, and what two add at the very same moment may be lost, as in all of training on
// several threads.
struct PrivateRows {
  // A class of rows that are exchanged in turns, all of them once in `every` targets.
  struct Class {
    i64 end;    // the first row behind it; it begins where the one before it ends
    i64 every;  // targets
    i64 next;   // row
    i64 due;    // rows that are due, times the number of targets
  };
  struct Schedule {
    i64 trained;  // targets
    i64 pace;     // until so many times the targets of a class were trained, its rows are exchanged sooner; 0 for never
    i64 classes;
    i64 most;  // times that a word is a target between two exchanges of its row; at first once, then one more each time
    Class* first_class() { return reinterpret_cast<Class*>(this + 1); }
  };

  // Numbers of words are made those of their rows.
  static void rename(const Call& call, int32_t* words, i64 count) {
    const int32_t most = static_cast<int32_t>(call.private_rows);
    const int32_t first = static_cast<int32_t>(call.private_first);
    if (most == 0) return;
    for (i64 i = 0; i < count; i++) words[i] += words[i] < most ? first : 0;
  }
};

// When private rows are exchanged.
template <int ROW>
struct Exchanges {
  const Job<ROW>& job;

  Exchanges(const Job<ROW>& j, Memory& memory)
      : job(j), due(memory.array<int32_t>(job.call.private_rows ? job.T + 1 : 0)) {}

  // After these targets were trained.
  void advance(const int32_t* ids, i64 targets) {
    if (job.call.private_rows == 0) return;
    PrivateRows::Schedule& schedule = *reinterpret_cast<PrivateRows::Schedule*>(job.call.exchanges);
    exchange_targets(ids, targets, static_cast<int32_t>(schedule.most));
    waiting += targets;
    if (waiting < TARGETS) return;
    schedule.trained += waiting;
    const i64 most = schedule.pace ? max(TARGETS, schedule.trained / schedule.pace) : INT64_MAX;
    i64 begin = 0;
    for (i64 c = 0; c < schedule.classes; c++) {
      PrivateRows::Class& one = schedule.first_class()[c];
      const i64 rows = one.end - begin;
      const i64 every = min(one.every, most);
      one.due = min(one.due + rows * waiting, rows * every);
      for (; one.due >= every; one.due -= every) {
        exchange(one.next);
        one.next = one.next + 1 < one.end ? one.next + 1 : begin;
      }
      begin = one.end;
    }
    waiting = 0;
  }

 private:
  // Looking for what is due costs as much as a few targets.
  static constexpr i64 TARGETS = 64;

  int32_t* due;     // (T + 1) rows
  i64 waiting = 0;  // targets

  // Exchanges the rows of targets that have been there often enough. Without a branch per target: those that have no
  // private row count in the place behind the rows, where nothing is ever due.
  void exchange_targets(const int32_t* ids, i64 targets, int32_t most) {
    const uint32_t rows = static_cast<uint32_t>(job.call.private_rows);
    const uint32_t first = static_cast<uint32_t>(job.call.private_first);
    int32_t* met = job.call.met;
    int32_t* often = met + rows + 1;
    i64 count = 0;
    for (i64 i = 0; i < targets; i++) {
      const uint32_t place = static_cast<uint32_t>(ids[i]) - first;
      const uint32_t row = place < rows ? place : rows;
      due[count] = static_cast<int32_t>(row);
      count += ++met[row] == often[row];
    }
    met[rows] = 0;
    for (i64 i = 0; i < count; i++) {
      const int32_t row = due[i];
      exchange(row);
      met[row] = 0;
      often[row] = often[row] < most ? often[row] + 1 : most;
    }
  }

  void exchange(i64 row) const {
    const i64 own = job.call.private_first + row;
    float* last = job.call.exchanged + row * job.stride();
    exchange(job.input(row), job.input(own), last);
    exchange(job.output(row), job.output(own), last + job.call.private_rows * job.stride());
  }
  void exchange(float* shared, float* own, float* last) const {
    Vector* s = vectors(shared);
    Vector* x = vectors(own);
    Vector* before = vectors(last);
    job.each_vector([&](i64 q) {
      const Vector sum = s[q] + (x[q] - before[q]);
      s[q] = sum;
      x[q] = sum;
      before[q] = sum;
    });
  }
};

}  // namespace
