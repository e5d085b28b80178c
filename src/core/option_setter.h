#pragma once

#include <map>
#include <string>

#include "core/fields.h"

namespace waiver {

/// Sets the options of a kind by name: numbers (a bool is 0 or 1) and words; lists and inner blocks
/// keep their defaults.
class OptionSetter : public FieldVisitor {
 public:
  using Numbers = std::map<std::string, double, std::less<>>;
  using Words = std::map<std::string, std::string, std::less<>>;
  explicit OptionSetter(Numbers numbers, Words words = {})
      : numbers_(std::move(numbers)), words_(std::move(words)) {}

  void field(std::string_view name, int64_t& value, Range, std::string_view) override {
    set(numbers_, name, value);
  }
  void field(std::string_view name, double& value, Range, std::string_view) override {
    set(numbers_, name, value);
  }
  void field(std::string_view name, bool& value, std::string_view) override {
    set(numbers_, name, value);
  }
  void field(std::string_view name, std::string& value, bool, std::string_view) override {
    set(words_, name, value);
  }
  void field(std::string_view, std::vector<int64_t>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<double>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void choice(std::string_view name, std::string& value, std::span<const Choice>,
              std::string_view) override {
    set(words_, name, value);
  }
  void block(std::string_view, std::string_view,
             const std::function<void(FieldVisitor&)>&) override {}
  void kind(std::string_view, std::string&, std::span<const Choice>, std::string_view,
            const std::function<void(FieldVisitor&)>&) override {}

 private:
  template <class Map, class T>
  static void set(const Map& given, std::string_view name, T& value) {
    if (const auto found = given.find(name); found != given.end())
      value = static_cast<T>(found->second);
  }
  Numbers numbers_;
  Words words_;
};

}  // namespace waiver
