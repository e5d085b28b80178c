#include "model/parameters.h"

#include <algorithm>
#include <cstring>

#include "core/random.h"
#include "core/rehearsal.h"
#include "core/threads.h"
#include "model/torch_random.h"

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

// The columns of one matrix within [in, ·], drawn as its transpose.
void fill_columns(TorchRandom& random, const Tensor& w, int64_t begin, int64_t count, float limit) {
  std::vector<float> drawn(w.dim(0) * count);
  random.uniform(drawn, limit);
  for (int64_t o = 0; o < count; ++o)
    for (int64_t i = 0; i < w.dim(0); ++i) w.row(i)[begin + o] = drawn[o * w.dim(0) + i];
}

void fill_in_order(Parameter& p, TorchRandom& random) {
  if (rehearsing()) return;
  const Tensor& w = p.variable.value;
  const std::span<float> all(w.data, static_cast<size_t>(w.size()));
  const int64_t columns = p.shape[-1];
  if (p.init.kind == Init::Kind::constant) {
    std::ranges::fill(all, static_cast<float>(p.init.scale));
  } else if (p.init.kind == Init::Kind::normal) {
    random.normal(all);
    for (int64_t i = 0; i < w.size(); ++i)
      all[i] *= static_cast<float>(p.init.scale_of_row(i / columns));
  } else if (!p.is_matrix()) {
    random.uniform(all, static_cast<float>(p.init.scale));
  } else {
    int64_t begin = 0;
    for (const int64_t count : p.parts.empty() ? std::vector{columns} : p.parts) {
      fill_columns(random, w, begin, count, static_cast<float>(p.init.scale));
      begin += count;
    }
  }
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

void ParameterSet::allocate(uint64_t seed, DrawOrder order) {
  int64_t total = 0;
  for (const Parameter& p : parameters_) total = Shape{total + padded(p.shape.size())}.size();
  values_ = arena_.zeros({total});
  grads_ = arena_.zeros({total});
  int64_t at = 0;
  TorchRandom stream(seed);
  for (Parameter& p : parameters_) {
    p.variable = {{values_.data + at, p.shape}, {grads_.data + at, p.shape}};
    order == DrawOrder::in_order ? fill_in_order(p, stream) : fill(p, seed);
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
