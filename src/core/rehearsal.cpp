#include "core/rehearsal.h"

#include <utility>

#include "core/error.h"

namespace waiver {
namespace {
thread_local Rehearsal* current = nullptr;
}  // namespace

Rehearsal::Rehearsal(int64_t most) : most_(most), outer_(std::exchange(current, this)) {}

Rehearsal::~Rehearsal() { current = outer_; }

void Rehearsal::take(int64_t bytes) {
  if (bytes > current->most_ - current->taken_)
    throw TooLarge("memory", "this takes more than there is");
  current->taken_ += bytes;
}

void Rehearsal::give_back(int64_t bytes) { current->taken_ -= bytes; }

void Rehearsal::take_scratch(int64_t bytes) {
  if (bytes <= current->scratch_) return;
  take(bytes - current->scratch_);
  current->scratch_ = bytes;
}

bool rehearsing() { return current != nullptr; }

}  // namespace waiver
