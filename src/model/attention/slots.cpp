#include <cmath>

#include "model/attention/slot.h"

namespace waiver {
namespace {

class NoSlot : public Slot {
 public:
  bool present() const override { return false; }
};

/// A learned key with value 0: attention paid there changes nothing (Gu et al., 2410.10781, §6).
class KeySlot : public Slot {
 public:
  bool gives_nothing() const override { return true; }
  void build(Builder& builder, const std::string& name, int64_t heads, int64_t D) override {
    key_ = &builder.add(name + ".slot.key", {heads, D}, Init::normal(0.02));
  }
  Variable key() const override { return key_->variable; }

 private:
  const Parameter* key_ = nullptr;
};

/// A learned key with a value that is learned (Sun et al., 2402.17762, §5) or fixed to
/// value_norm / √D · (1, …, 1) (Gu et al., 2410.10781, §6).
class KeyValueSlot : public Slot {
 public:
  void options(FieldVisitor& v) override {
    v.field({"value_norm",
             "fixed norm of the slot's value, which is then not learned (Gu et al., 2410.10781) "
             "but still stored in checkpoints; 0: the value is learned",
             at_least(0)},
            value_norm_);
  }
  void build(Builder& builder, const std::string& name, int64_t heads, int64_t D) override {
    key_ = &builder.add(name + ".slot.key", {heads, D}, Init::normal(0.02));
    if (value_norm_ == 0)
      value_ = &builder.add(name + ".slot.value", {heads, D}, Init::normal(0.02));
    else
      fixed_ = &builder.constant(name + ".slot.value", {heads, D},
                                 value_norm_ / std::sqrt(static_cast<double>(D)));
  }
  Variable key() const override { return key_->variable; }
  Variable value() const override {
    if (value_) return value_->variable;
    return {fixed_->value, {}};
  }

 private:
  double value_norm_ = 0;
  const Parameter *key_ = nullptr, *value_ = nullptr;
  const Constant* fixed_ = nullptr;
};

}  // namespace

Registered<Slot> no_slot_kind() {
  return kind_of<Slot, NoSlot>("none", "no key beyond the tokens'");
}

Registered<Slot> key_slot_kind() {
  return kind_of<Slot, KeySlot>(
      "key", "an extra key per head, learned, with value 0 (Gu et al., 2410.10781)");
}

Registered<Slot> key_value_slot_kind() {
  return kind_of<Slot, KeyValueSlot>(
      "key_value", "an extra key and value per head, learned (Sun et al., 2402.17762)");
}

}  // namespace waiver
