#include "model/parameters.h"

#include <algorithm>
#include <cstring>

#include "core/random.h"
#include "core/threads.h"

namespace waiver {
namespace {
int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

double initial(const Init& init, const Random& random, int64_t i, double scale) {
  switch (init.kind) {
    case Init::Kind::constant:
      return scale;
    case Init::Kind::normal:
      return scale * random.normal(i);
    case Init::Kind::uniform:
      return scale * (2.0 * random.uniform(i) - 1.0);
  }
  return scale;
}

void fill(Parameter& p, uint64_t seed) {
  const Random random(seed, p.name);
  float* value = p.variable.value.data;
  const int64_t columns = p.shape[-1];
  parallel_ranges(p.shape.size() / columns, std::max<int64_t>(1, 4096 / columns),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t row = begin; row < end; ++row) {
                      const double scale = p.init.scale_of_row(row);
                      for (int64_t i = row * columns; i < (row + 1) * columns; ++i)
                        value[i] = static_cast<float>(initial(p.init, random, i, scale));
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
