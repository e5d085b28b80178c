#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/fields/fields.h"

namespace waiver {

/// One kind of T: its name and meaning, and how one is made with its defaults or copied. It is
/// defined in the file of its class; the registry of T has a line for it (core/fields/registry.h).
template <class T>
struct Registered {
  std::string_view name;
  std::string_view doc;
  std::string_view alias;
  std::unique_ptr<T> (*make)();
  std::unique_ptr<T> (*copy)(const T&);
};

/// The kind for the class Derived.
template <class T, class Derived>
Registered<T> kind_of(std::string_view name, std::string_view doc, std::string_view alias = {}) {
  return {name, doc, alias, []() -> std::unique_ptr<T> { return std::make_unique<Derived>(); },
          [](const T& other) -> std::unique_ptr<T> {
            return std::make_unique<Derived>(static_cast<const Derived&>(other));
          }};
}

/// Every kind of T, in the order of `waiver config docs`.
template <class T>
std::span<const Registered<T>> registry();

/// A choice among the kinds of T, with the options of the chosen one; a copy has its own options. T
/// has `void options(FieldVisitor&)`. Defined along with the registry of T.
template <class T>
class Kind {
 public:
  /// Throws UsageError where no kind has that name.
  explicit Kind(std::string_view name);
  Kind(const Kind& other);
  Kind(Kind&& other) noexcept;
  Kind& operator=(Kind other) noexcept;
  ~Kind();

  const std::string& name() const { return name_; }
  void set(std::string_view name);

  T* operator->() { return options_.get(); }
  const T* operator->() const { return options_.get(); }
  const T& operator*() const { return *options_; }
  /// A T with these options.
  std::unique_ptr<T> make() const;

  /// As a field of its own (core/fields/fields.h).
  KindRef ref();
  /// As the field `field` of a block with further fields: the options become fields of that block
  /// too, each on the condition that its kind is chosen.
  void visit_within(FieldVisitor& v, const Field& field);
  /// True where the field `choice` selects a kind for which `has` holds.
  template <class Predicate>
  Condition where(std::string_view choice, const Predicate& has) const {
    Condition out{choice, {}, has(*options_)};
    for (const Registered<T>& entry : registry<T>())
      if (has(*entry.make())) out.words.push_back(entry.name);
    return out;
  }

 private:
  WordRef word();

  std::string name_;
  const Registered<T>* entry_ = nullptr;
  std::unique_ptr<T> options_;
};

/// One choice for all layers, or a list with one per layer.
template <class T>
class Kinds {
 public:
  explicit Kinds(std::string_view name) : default_(name), items_{Kind<T>(name)} {}

  /// `rope`, or `rope, none` for a list.
  std::string name() const;
  void set(std::string_view name) { *this = Kinds(name); }
  /// The length of the list; 0 where it is none.
  size_t count() const { return count_; }
  Kind<T>& of_layer(size_t layer) { return items_[count_ ? layer : 0]; }
  const Kind<T>& of_layer(size_t layer) const { return items_[count_ ? layer : 0]; }

  /// As a field (core/fields/fields.h).
  KindsRef ref();

 private:
  std::string default_;
  size_t count_ = 0;
  std::vector<Kind<T>> items_;
};

}  // namespace waiver
