#include "model/branch.h"

namespace waiver {

std::unique_ptr<Norm> build_norm(Builder& builder, const ModelConfig& config,
                                 const std::string& name) {
  std::unique_ptr<Norm> norm = config.norm.kind.make();
  norm->build(builder, name, config.width);
  return norm;
}

Branch::Branch(Builder& builder, const ModelConfig& config, const std::string& name) {
  const std::string& place = config.norm.place;
  (place == "post" ? after_ : in_) = build_norm(builder, config, name);
  if (place == "sandwich") out_ = build_norm(builder, config, name + "_out");
}

}  // namespace waiver
