#include "model/branch.h"

namespace waiver {

std::unique_ptr<Norm> build_norm(Builder& builder, const ModelConfig& config,
                                 const std::string& name) {
  std::unique_ptr<Norm> norm = config.norm.kind.make();
  norm->build(builder, name, config.width);
  return norm;
}

Branch::Branch(Builder& builder, const ModelConfig& config, const std::string& norm,
               const std::string& place)
    : dropout_(place, config.dropout.residual), residual_(config.residual) {
  (config.norm.place == NormPlace::post ? after_ : in_) = build_norm(builder, config, norm);
  if (config.norm.place == NormPlace::sandwich) out_ = build_norm(builder, config, norm + "_out");
}

}  // namespace waiver
