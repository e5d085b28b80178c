#include "core/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/rehearsal.h"

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

void Shape::refuse() const {
  throw TooLarge("memory", "no memory holds numbers of the shape " + text());
}

void Shape::refuse_axis(int64_t extent) const {
  throw ShapeError("[shape] " + text() + " has no room for another axis, of " +
                   std::to_string(extent) + ": " + std::to_string(kMostAxes) + " are the most");
}

void Arena::Release::operator()(std::byte* p) const {
  if (mapped > 0)
    ::munmap(p, mapped);
  else
    std::free(p);
}

Arena::Memory Arena::take(size_t size) {
  if (!rehearsing())
    return Memory(static_cast<std::byte*>(std::aligned_alloc(kAlign, size)), Release{0});
  void* addresses = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (addresses == MAP_FAILED) return nullptr;
  return Memory(static_cast<std::byte*>(addresses), Release{size});
}

void Arena::grow(size_t least) {
  const size_t size = std::max(least, blocks_.empty() ? kBlock : 2 * blocks_.back().size);
  Memory memory = take(size);
  if (!memory && rehearsing()) throw TooLarge("memory", "there are no addresses for that much");
  if (!memory)
    throw Error("memory", "the system cannot provide " + std::to_string(size >> 20) + " MiB",
                "Lower train.batch, model.context or model.width, or raise train.accumulate.");
  blocks_.push_back({std::move(memory), size});
  offset_ = 0;
  capacity_ += size;
  ++allocations_;
}

void* Arena::bytes(size_t count) {
  count = (std::max<size_t>(count, 1) + kAlign - 1) / kAlign * kAlign;
  if (rehearsing()) Rehearsal::take(static_cast<int64_t>(count));
  if (blocks_.empty() || offset_ + count > blocks_.back().size) grow(count);
  void* out = blocks_.back().memory.get() + offset_;
  offset_ += count;
  used_ += count;
  peak_ = std::max(peak_, used_);
  return out;
}

Tensor Arena::zeros(const Shape& shape) {
  Tensor t = tensor(shape);
  if (!rehearsing()) std::memset(t.data, 0, t.size() * sizeof(float));
  return t;
}

void Arena::reset() {
  if (blocks_.size() > 1 || peak_ > capacity_) {
    const size_t total = (peak_ + kBlock - 1) / kBlock * kBlock;
    blocks_.clear();
    capacity_ = 0;
    grow(total);
  }
  offset_ = 0;
  used_ = 0;
  peak_ = 0;
}

Arena::Scope::Scope(Arena& arena)
    : arena_(arena), blocks_(arena.blocks_.size()), offset_(arena.offset_), used_(arena.used_) {}

Arena::Scope::~Scope() {
  if (rehearsing()) Rehearsal::give_back(static_cast<int64_t>(arena_.used_ - used_));
  for (; arena_.blocks_.size() > blocks_; arena_.blocks_.pop_back())
    arena_.capacity_ -= arena_.blocks_.back().size;
  arena_.offset_ = offset_;
  arena_.used_ = used_;
}

}  // namespace waiver
