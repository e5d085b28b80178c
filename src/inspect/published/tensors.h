#pragma once

#include <string>
#include <vector>

#include "inspect/published/family.h"
#include "inspect/published/hub_folder.h"
#include "model/parameters.h"

namespace waiver {

/// The tensors of a folder by the names that a family gives them, whichever spelling is stored.
class FamilyTensors {
 public:
  FamilyTensors(const HubFolder& folder, const Family& family) : folder_(folder), family_(family) {}

  /// The name under which it is stored, or an empty one.
  std::string stored(const std::string& name) const;
  TensorNames names() const;
  /// Throws UsageError for tensors that are missing, have another shape or type, or belong to
  /// nothing in the model; `tied`: a copy of the embedding may stand for the output layer.
  void check(const std::vector<Link>& links, bool tied) const;
  /// Fills all parameters. REQUIRES: they have been checked.
  void read(const std::vector<Link>& links, ParameterSet& parameters) const;

 private:
  std::vector<std::string> spellings(const std::string& name) const;
  bool same(const std::string& a, const std::string& b) const;
  std::vector<float> numbers(const std::string& stored) const;
  void refuse_surplus(const std::vector<Link>& links, bool tied) const;
  void refuse_other_copy(const std::string& name, bool tied) const;

  const HubFolder& folder_;
  const Family& family_;
};

}  // namespace waiver
