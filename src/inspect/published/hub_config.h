#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/files/json.h"

namespace waiver {

/// The config.json of a published model, read key by key. A key that is absent or null has the
/// default that is given; without one it is required. All throw UsageError with the file and the
/// key.
class HubConfig {
 public:
  /// `where`: the file, for messages. REQUIRES: `json` is an object.
  HubConfig(std::string where, Json json) : where_(std::move(where)), json_(std::move(json)) {}

  bool has(std::string_view key) const;
  /// Whether a key is there, be it null.
  bool states(std::string_view key) const { return json_.contains(std::string(key)); }
  bool empty() const { return json_.empty(); }
  /// A whole number ≥ 0.
  int64_t count(std::string_view key, std::optional<int64_t> missing = {}) const;
  double number(std::string_view key, std::optional<double> missing = {}) const;
  bool flag(std::string_view key, bool missing) const;
  std::string word(std::string_view key, std::optional<std::string> missing = {}) const;
  /// The object at a key; an empty one where it is missing.
  HubConfig block(std::string_view key) const;
  /// The list of words at a key; an empty one where it is missing.
  std::vector<std::string> words(std::string_view key) const;

  /// Says that the value of a key cannot be used.
  [[noreturn]] void refuse(std::string_view key, const std::string& what,
                           const std::string& hint = {}) const;
  const std::string& where() const { return where_; }

 private:
  // The value of a key that is there; `kind` is what it should be.
  const Json& at(std::string_view key, const char* kind) const;
  [[noreturn]] void refuse_kind(std::string_view key, const char* kind) const;

  std::string where_, prefix_ = {};  // of keys within a block
  Json json_;
};

}  // namespace waiver
