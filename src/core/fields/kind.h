#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/fields/fields.h"

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

/// One choice for all layers, or a list with one for each.
template <class T>
class Kinds {
 public:
  explicit Kinds(std::string_view name) : default_(name), items_{Kind<T>(name)} {}

  /// `rope`, or `rope, none` where it is a list.
  std::string name() const {
    std::string text;
    for (const Kind<T>& item : items_) text += (text.empty() ? "" : ", ") + item.name();
    return text;
  }
  void set(std::string_view name) { *this = Kinds(name); }
  /// The length of the list; 0 where there is none.
  size_t count() const { return count_; }
  Kind<T>& of_layer(size_t layer) { return items_[count_ ? layer : 0]; }
  const Kind<T>& of_layer(size_t layer) const { return items_[count_ ? layer : 0]; }

  void visit(FieldVisitor& v, std::string_view field, std::string_view doc) {
    v.kinds(field, count_, [&](FieldVisitor& inner, size_t i) {
      items_.resize(count_ ? count_ : 1, Kind<T>(default_));
      items_[i].visit(inner, field, doc);
    });
  }

 private:
  std::string default_;
  size_t count_ = 0;
  std::vector<Kind<T>> items_;
};

}  // namespace waiver
