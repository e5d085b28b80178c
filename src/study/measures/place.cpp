#include <fmt/format.h>

#include "run/events.h"
#include "study/measures/measure.h"

namespace waiver {

enum class OfPlace { key, layer, head };
std::span<const Choice> words(OfPlace) {
  static constexpr Choice all[] = {
      {"key", "its position"}, {"layer", "its block"}, {"head", "its head there"}};
  return all;
}

namespace {

class StrongestPlace : public Measure {
 public:
  void options(FieldVisitor& v) override { v.field({"give", "which of its numbers"}, give_); }
  void check(const Config& config, const Complain& complain) const override {
    check_probed("", config, complain);
  }
  double of(const RunLogs& run) const override {
    const auto at = strongest_waiver(run.log);
    if (!at) throw Undefined("the run has no attention, or no probes, and so no strongest waiver");
    if (give_ == OfPlace::key && at->role >= 0)
      throw Undefined(
          fmt::format("the strongest waiver, {}, is at no position of its own", at->role_name));
    return static_cast<double>(give_ == OfPlace::key     ? at->key
                               : give_ == OfPlace::layer ? at->layer
                                                         : at->head);
  }

 private:
  OfPlace give_ = OfPlace::key;
};

}  // namespace

Registered<Measure> place_kind() {
  return kind_of<Measure, StrongestPlace>(
      "place",
      "where the strongest waiver is: the key of a head with the most attention at the end");
}

}  // namespace waiver
