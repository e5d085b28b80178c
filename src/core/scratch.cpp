#include "core/scratch.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "core/rehearsal.h"

namespace waiver {
namespace {

constexpr size_t kAlign = 64 / sizeof(float);

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Memory = std::unique_ptr<float[], Free>;

// One block in the steady state. What does not fit while part of the block is in use is allocated
// separately; once nothing is, the block grows to the most that was in use.
struct Stack {
  Memory block;
  size_t size = 0, used = 0, most = 0, allocations = 0;  // used: as if the block held it all
  std::vector<Memory> overflows;

  Memory take(size_t count) {
    Memory memory(static_cast<float*>(std::aligned_alloc(64, count * sizeof(float))));
    if (!memory) throw std::bad_alloc();
    ++allocations;
    return memory;
  }
};
thread_local Stack stack;

}  // namespace

Scratch::Scratch() : used_(stack.used), overflows_(stack.overflows.size()) {}

Scratch::~Scratch() {
  stack.used = used_;
  stack.overflows.resize(overflows_);
}

float* Scratch::floats(size_t count) {
  // At least one extra number, so that arrays of whole pages begin in different cache sets.
  const size_t length = (count + kAlign) / kAlign * kAlign;
  const size_t begin = stack.used, end = begin + length, most = std::max(stack.most, end);
  if (rehearsing()) {
    stack.used = end;
    Rehearsal::take_scratch(static_cast<int64_t>(end * sizeof(float)));
    return nullptr;
  }
  if (begin == 0 && stack.size < most) {
    stack.block = stack.take(most);
    stack.size = most;
  }
  float* numbers = end <= stack.size ? stack.block.get() + begin
                                     : stack.overflows.emplace_back(stack.take(length)).get();
  stack.used = end;
  stack.most = most;
  return numbers;
}

size_t Scratch::allocations() { return stack.allocations; }

}  // namespace waiver
