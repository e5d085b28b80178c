#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/fields.h"

namespace waiver {

/// One line of a registry: a name, what it means, how to make it with its defaults.
template <class T>
struct Registered {
  std::string_view name;
  std::string_view doc;
  std::unique_ptr<T> (*make)();
  std::string_view alias = {};
};

/// Every known T; each room defines this for its own interfaces.
template <class T>
std::span<const Registered<T>> registry();

template <class T, class Derived>
std::unique_ptr<T> make_registered() {
  return std::make_unique<Derived>();
}

/// A choice among the registered T, with the options of the chosen one. T has
/// `void options(FieldVisitor&)` and `std::unique_ptr<T> clone() const`.
template <class T>
class Kind {
 public:
  explicit Kind(std::string_view name) { set(name); }

  const std::string& name() const { return name_; }
  void set(std::string_view name) {
    for (const auto& entry : registry<T>())
      if (entry.name == name || (!entry.alias.empty() && entry.alias == name)) {
        name_ = entry.name;
        prototype_ = entry.make();
        return;
      }
    throw UsageError(std::string(name), "no such kind is registered");
  }

  T* operator->() { return prototype_.get(); }
  const T* operator->() const { return prototype_.get(); }
  const T& operator*() const { return *prototype_; }
  std::unique_ptr<T> make() const { return prototype_->clone(); }

  void visit(FieldVisitor& v, std::string_view field, std::string_view doc) {
    std::string chosen = name_;
    v.kind(field, chosen, choices(), doc, [&](FieldVisitor& inner) {
      if (chosen != name_) set(chosen);
      prototype_->options(inner);
    });
  }
  /// The same within a block that has further fields: the options become fields of that block.
  void visit_within(FieldVisitor& v, std::string_view field, std::string_view doc) {
    std::string chosen = name_;
    v.choice(field, chosen, choices(), doc);
    if (chosen != name_) set(chosen);
    prototype_->options(v);
  }

 private:
  static std::vector<Choice> choices() {
    std::vector<Choice> out;
    for (const auto& entry : registry<T>()) out.push_back({entry.name, entry.doc, entry.alias});
    return out;
  }

  std::string name_;
  std::shared_ptr<T> prototype_;  // a config's copies share what none of them changes after parsing
};

}  // namespace waiver
