#include "inspect/published/links.h"

#include <algorithm>

namespace waiver {
namespace {

// Calls f with the place of each number of the link in the tensor, and in the parameter.
template <class F>
void for_each_place(const Link& link, const Parameter& p, const F& f) {
  const int64_t inner = link.shape.rank > 1 ? link.shape.size() / link.shape[0] : 1;
  for (int64_t r = 0; r < link.count; ++r)
    for (int64_t c = 0; c < inner; ++c) {
      const int64_t from = (link.first + r) * inner + c;
      f(from, link.transposed ? c * p.shape[-1] + link.to + r : (link.to + r) * inner + c);
    }
}

}  // namespace

Links& Links::add(Link link) {
  links_.push_back(std::move(link));
  return *this;
}

Links& Links::same(const std::string& tensor, const Shape& shape, const std::string& parameter) {
  return add({tensor, shape, parameter, false, 0, shape[0], 0});
}

Links& Links::linear(const std::string& tensor, int64_t out, int64_t in,
                     const std::string& parameter, int64_t to) {
  return add({tensor, {out, in}, parameter, true, 0, out, to});
}

Links& Links::bias(const std::string& tensor, int64_t out, const std::string& parameter,
                   int64_t to) {
  return add({tensor, {out}, parameter, false, 0, out, to});
}

Links& Links::layer(const std::string& tensor, int64_t out, int64_t in,
                    const std::string& parameter, bool biased, int64_t to) {
  linear(tensor + ".weight", out, in, parameter + ".weight", to);
  return biased ? bias(tensor + ".bias", out, parameter + ".bias", to) : *this;
}

Links& Links::norm(const std::string& tensor, int64_t width, const std::string& parameter,
                   bool biased) {
  same(tensor + ".weight", {width}, parameter + ".gain");
  return biased ? same(tensor + ".bias", {width}, parameter + ".bias") : *this;
}

void copy_in(const Link& link, const float* tensor, Parameter& p) {
  float* values = p.variable.value.data;
  for_each_place(link, p, [&](int64_t from, int64_t to) { values[to] = tensor[from]; });
}

void copy_out(const Link& link, const Parameter& p, float* tensor) {
  const float* values = p.variable.value.data;
  for_each_place(link, p, [&](int64_t to, int64_t from) { tensor[to] = values[from]; });
}

}  // namespace waiver
