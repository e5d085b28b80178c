#pragma once

#include "core/error.h"
#include "core/fields/kind.h"

// What a registry is made of; only the files that hold one include this.

/// Defines registry<T>() and Kind<T> from a list of kinds, one line each:
///   #define NORMS(KIND) KIND(Norm, layer_norm) KIND(Norm, rms_norm)
///   WAIVER_REGISTRY(Norm, NORMS)
/// where the file of the class has `Registered<Norm> layer_norm_kind() { return kind_of<…>(…); }`.
#define WAIVER_REGISTRY(T, KINDS)                                 \
  KINDS(WAIVER_DECLARE_KIND)                                      \
  template <>                                                     \
  std::span<const Registered<T>> registry<T>() {                  \
    static const Registered<T> all[] = {KINDS(WAIVER_CALL_KIND)}; \
    return all;                                                   \
  }                                                               \
  template class Kind<T>;
#define WAIVER_DECLARE_KIND(T, name) Registered<T> name##_kind();
#define WAIVER_CALL_KIND(T, name) name##_kind(),

namespace waiver {

template <class T>
std::vector<Choice> choices_of() {
  std::vector<Choice> out;
  for (const auto& entry : registry<T>()) out.push_back({entry.name, entry.doc, entry.alias});
  return out;
}

template <class T>
Kind<T>::Kind(std::string_view name) {
  set(name);
}
template <class T>
Kind<T>::Kind(const Kind& other)
    : name_(other.name_), entry_(other.entry_), options_(entry_->copy(*other.options_)) {}
template <class T>
Kind<T>::Kind(Kind&& other) noexcept = default;
template <class T>
Kind<T>& Kind<T>::operator=(Kind other) noexcept {
  std::swap(name_, other.name_);
  std::swap(entry_, other.entry_);
  std::swap(options_, other.options_);
  return *this;
}
template <class T>
Kind<T>::~Kind() = default;

template <class T>
void Kind<T>::set(std::string_view name) {
  for (const auto& entry : registry<T>())
    if (entry.name == name || (!entry.alias.empty() && entry.alias == name)) {
      name_ = entry.name;
      entry_ = &entry;
      options_ = entry.make();
      return;
    }
  throw UsageError(std::string(name), "no such kind is registered");
}

template <class T>
std::unique_ptr<T> Kind<T>::make() const {
  return entry_->copy(*options_);
}

template <class T>
void Kind<T>::visit(FieldVisitor& v, std::string_view field, std::string_view doc) {
  std::string chosen = name_;
  v.kind(field, chosen, choices_of<T>(), doc, [&](FieldVisitor& inner) {
    if (chosen != name_) set(chosen);
    options_->options(inner);
  });
}

template <class T>
void Kind<T>::visit_within(FieldVisitor& v, std::string_view field, std::string_view doc) {
  std::string chosen = name_;
  v.choice(field, chosen, choices_of<T>(), doc);
  if (chosen != name_) set(chosen);
  options_->options(v);
}

template <class T>
std::string Kinds<T>::name() const {
  std::string text;
  for (const Kind<T>& item : items_) text += (text.empty() ? "" : ", ") + item.name();
  return text;
}

template <class T>
void Kinds<T>::visit(FieldVisitor& v, std::string_view field, std::string_view doc) {
  v.kinds(field, count_, [&](FieldVisitor& inner, size_t i) {
    items_.resize(count_ ? count_ : 1, Kind<T>(default_));
    items_[i].visit(inner, field, doc);
  });
}

}  // namespace waiver
