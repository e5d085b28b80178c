#pragma once

#include "core/error.h"
#include "core/fields/kind.h"

// The machinery of registries; only the files that define one include this.

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
std::span<const Choice> choices_of() {
  static const std::vector<Choice> choices = [] {
    std::vector<Choice> out;
    for (const auto& entry : registry<T>()) out.push_back({entry.name, entry.doc, entry.alias});
    return out;
  }();
  return choices;
}

/// Visits the fields of a block that exist only under a condition.
class Conditional : public FieldVisitor {
 public:
  Conditional(FieldVisitor& inner, Condition condition)
      : inner_(inner), condition_(std::move(condition)) {}
  void visit(const Field& field, const Ref& value) override {
    Condition condition = field.condition.choice.empty() ? condition_ : field.condition;
    condition.holds = condition_.holds && field.condition.holds;
    inner_.visit(field.only(condition), value);
  }

 private:
  FieldVisitor& inner_;
  Condition condition_;
};

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
WordRef Kind<T>::word() {
  const auto chosen = static_cast<size_t>(entry_ - registry<T>().data());
  return {choices_of<T>(), chosen, [this](size_t i) {
            if (registry<T>()[i].name != name_) set(registry<T>()[i].name);
          }};
}

template <class T>
KindRef Kind<T>::ref() {
  return {word(), [this](FieldVisitor& v, size_t i) {
            const Registered<T>& entry = registry<T>()[i];
            &entry == entry_ ? options_->options(v) : entry.make()->options(v);
          }};
}

template <class T>
void Kind<T>::visit_within(FieldVisitor& v, const Field& field) {
  const KindRef kind = ref();
  v.visit(field, kind.kind);
  for (size_t i = 0; i < kind.kind.choices.size(); ++i) {
    const std::string_view name = kind.kind.choices[i].name;
    Conditional options(v, {field.name, {name}, name == name_});
    kind.options(options, i);
  }
}

template <class T>
std::string Kinds<T>::name() const {
  std::string text;
  for (const Kind<T>& item : items_) text += (text.empty() ? "" : ", ") + item.name();
  return text;
}

template <class T>
KindsRef Kinds<T>::ref() {
  return {&count_, [this](size_t i) {
            items_.resize(count_ ? count_ : 1, Kind<T>(default_));
            return items_[i].ref();
          }};
}

}  // namespace waiver
