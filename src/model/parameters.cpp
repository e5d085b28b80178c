#include "model/parameters.h"

#include <algorithm>
#include <cstring>

#include "core/random.h"
#include "core/threads.h"

namespace waiver {
namespace {
int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

void fill(Parameter& p, uint64_t seed) {
  const Random random(seed, p.name);
  float* value = p.variable.value.data;
  const double scale = p.init.scale;
  parallel_ranges(p.shape.size(), 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) switch (p.init.kind) {
        case Init::Kind::constant:
          value[i] = static_cast<float>(scale);
          break;
        case Init::Kind::normal:
          value[i] = static_cast<float>(scale * random.normal(i));
          break;
        case Init::Kind::uniform:
          value[i] = static_cast<float>(scale * (2.0 * random.uniform(i) - 1.0));
          break;
      }
  });
}
}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return name == pattern;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  for (size_t at = star; at <= name.size(); ++at)
    if (matches(pattern.substr(star + 1), name.substr(at))) return true;
  return false;
}

Parameter& ParameterSet::add(std::string name, const Shape& shape, Init init) {
  parameters_.push_back({std::move(name), shape, init, {}});
  return parameters_.back();
}

const Constant& ParameterSet::add_constant(std::string name, const Shape& shape, float value) {
  constants_.push_back({std::move(name), arena_.tensor(shape)});
  std::fill_n(constants_.back().value.data, shape.size(), value);
  return constants_.back();
}

void ParameterSet::allocate(uint64_t seed) {
  int64_t total = 0;
  for (const Parameter& p : parameters_) total = Shape{total + padded(p.shape.size())}.size();
  values_ = arena_.zeros({total});
  grads_ = arena_.zeros({total});
  int64_t at = 0;
  for (Parameter& p : parameters_) {
    p.variable = {{values_.data + at, p.shape}, {grads_.data + at, p.shape}};
    fill(p, seed);
    at += padded(p.shape.size());
  }
}

int64_t ParameterSet::freeze(std::string_view pattern) {
  int64_t found = 0;
  for (Parameter& p : parameters_)
    if (matches(pattern, p.name)) {
      p.variable.grad = {};
      ++found;
    }
  return found;
}

int64_t ParameterSet::count() const {
  int64_t n = 0;
  for (const Parameter& p : parameters_) n += p.shape.size();
  return n;
}

void ParameterSet::zero_grads() {
  parallel_ranges(grads_.size(), 1 << 16, [&](int64_t begin, int64_t end) {
    std::memset(grads_.data + begin, 0, (end - begin) * sizeof(float));
  });
}

}  // namespace waiver
