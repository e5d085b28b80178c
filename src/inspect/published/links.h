#pragma once

#include <string>
#include <vector>

#include "inspect/published/family.h"
#include "model/parameters.h"

namespace waiver {

/// Collects the links of a family; sizes in published order, [out, in].
class Links {
 public:
  /// A tensor that is a parameter as it is: a vector, a table, a matrix [in, out].
  Links& same(const std::string& tensor, const Shape& shape, const std::string& parameter);
  /// A matrix [out, in] that is the columns `to` … of the parameter [in, …].
  Links& linear(const std::string& tensor, int64_t out, int64_t in, const std::string& parameter,
                int64_t to = 0);
  /// A bias [out] that is the elements `to` … of the parameter.
  Links& bias(const std::string& tensor, int64_t out, const std::string& parameter, int64_t to = 0);
  /// {tensor}.weight and, where there is one, {tensor}.bias, of a linear layer.
  Links& layer(const std::string& tensor, int64_t out, int64_t in, const std::string& parameter,
               bool biased, int64_t to = 0);
  /// {tensor}.weight and, where there is one, {tensor}.bias [width], of a norm.
  Links& norm(const std::string& tensor, int64_t width, const std::string& parameter, bool biased);
  Links& add(Link link);

  std::vector<Link> all() && { return std::move(links_); }

 private:
  std::vector<Link> links_;
};

/// Copies a stretch of `tensor`, all of whose numbers are given, into the parameter.
void copy_in(const Link& link, const float* tensor, Parameter& parameter);
/// The same in the other direction.
void copy_out(const Link& link, const Parameter& parameter, float* tensor);

}  // namespace waiver
