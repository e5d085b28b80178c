#include "core/arena.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/error.h"

namespace waiver {
namespace {
constexpr size_t kAlign = 64;
constexpr size_t kBlock = size_t{16} << 20;
}  // namespace

std::string Shape::text() const {
  std::string out = "[";
  for (int i = 0; i < rank; ++i) out += (i ? ", " : "") + std::to_string(dims[i]);
  return out + "]";
}

void Arena::Release::operator()(std::byte* p) const { std::free(p); }

void Arena::grow(size_t least) {
  const size_t size = std::max(least, blocks_.empty() ? kBlock : 2 * blocks_.back().size);
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlign, size));
  if (!memory)
    throw Error("memory", "the system has no " + std::to_string(size >> 20) + " MiB to give",
                "Lower train.batch, model.context or model.width, or raise train.accumulate.");
  blocks_.push_back({std::unique_ptr<std::byte[], Release>(memory), size});
  offset_ = 0;
  capacity_ += size;
  ++allocations_;
}

void* Arena::bytes(size_t count) {
  count = (std::max<size_t>(count, 1) + kAlign - 1) / kAlign * kAlign;
  if (blocks_.empty() || offset_ + count > blocks_.back().size) grow(count);
  void* out = blocks_.back().memory.get() + offset_;
  offset_ += count;
  used_ += count;
  return out;
}

Tensor Arena::zeros(const Shape& shape) {
  Tensor t = tensor(shape);
  std::memset(t.data, 0, t.size() * sizeof(float));
  return t;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    const size_t total = (used_ + kBlock - 1) / kBlock * kBlock;
    blocks_.clear();
    capacity_ = 0;
    grow(total);
  }
  offset_ = 0;
  used_ = 0;
}

}  // namespace waiver
