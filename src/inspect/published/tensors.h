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

  /// Says that the output layer is not the embedding: from then on names mean that.
  void untie() { tied_ = false; }
  /// The name under which it is stored, or an empty one.
  std::string stored(const std::string& name) const;
  TensorNames names() const;
  /// Throws UsageError for tensors that are missing, have another shape or type, or belong to
  /// nothing in the model; where the output layer is tied, a copy of the embedding may stand for
  /// it.
  void check(const std::vector<Link>& links) const;
  /// Fills all parameters. REQUIRES: they have been checked.
  void read(const std::vector<Link>& links, ParameterSet& parameters) const;

 private:
  // `all`: also those that are of no account here.
  std::vector<std::string> spellings(const std::string& name, bool all = false) const;
  bool same(const std::string& a, const std::string& b) const;
  std::vector<float> numbers(const std::string& stored) const;
  void refuse_surplus(const std::vector<Link>& links) const;
  void refuse_other_copy(const std::string& name) const;

  const HubFolder& folder_;
  const Family& family_;
  bool tied_ = true;
};

}  // namespace waiver
