#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string>

#include "core/fields/fields.h"

namespace waiver {

/// The fields of a block as text, by dotted name; a kind is listed under the name that selects it,
/// its options below: `normalizer` is `sigmoid`, `normalizer.normalized` is `true`.
class FieldTexts : public FieldVisitor {
 public:
  using Texts = std::map<std::string, std::string>;
  template <class Block>
  static Texts of(Block block) {
    Texts out;
    FieldTexts reader(out, "");
    block.visit(reader);
    return out;
  }

  void visit(const Field& field, const Ref& value) override {
    if (!field.condition.holds) return;
    const std::string key = prefix_ + std::string(field.name);
    FieldTexts inner(out_, key + ".");
    std::visit(Overloaded{[&](const WordRef& word) { out_[key] = word.word(); },
                          [&](const BlockRef& block) { block.visit(inner); },
                          [&](const KindRef& ref) {
                            out_[key] = ref.kind.word();
                            ref.options(inner, ref.kind.chosen);
                          },
                          [&](const KindsRef& kinds) {
                            for (size_t i = 0; i < kinds.size(); ++i) visit(field, kinds.item(i));
                          },
                          [&](const auto* plain) { out_[key] = fmt::format("{}", *plain); }},
               value);
  }

 private:
  FieldTexts(Texts& out, std::string prefix) : out_(out), prefix_(std::move(prefix)) {}

  Texts& out_;
  std::string prefix_;
};

}  // namespace waiver
