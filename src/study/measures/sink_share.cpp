#include <fmt/format.h>

#include "run/events.h"
#include "run/run_log.h"
#include "study/measures/measure.h"

namespace waiver {
namespace {

/// Of the heads with a sink at the last probe, the share whose strongest is this key. A head's
/// strongest key is the position or role (probe/events/waiver_place.h) or the added key with the
/// largest α of all queries; it is a sink where α and, unless it is an added key, E exceed the
/// thresholds of probe.waiver.
class SinkShare : public Measure {
 public:
  void options(FieldVisitor& v) override {
    v.field({"key", "a position; either this or added"}, key_);
    v.field({"added", "an added key: a sink token or the slot, by number"}, added_);
  }
  void check(const Config& config, const Complain& complain) const override {
    if (key_ == kNone && added_ == kNone)
      complain("", "the key is missing", "Give either key or added.");
    if (key_ != kNone && added_ != kNone)
      complain("added", "key is given already", "Give either key or added.");
    check_entry("key", key_, config, complain);
    check_entry("added", added_, config, complain);
    if (config.probe.every == 0)
      complain("", "the runs have no probes", "Set probe.every above 0.");
  }
  double of(const RunLogs& run) const override {
    const std::vector<WaiverPlace> places = waiver_places(run.log);
    ProbeValues last(run.log, std::ssize(run.log.steps("probe")) - 1);
    const WaiverThresholds& limits = run.config.probe.waiver;
    int64_t sinks = 0, here = 0;
    for (const WaiverPlace& position : places) {
      const WaiverPlace place = with_roles(run.log, last, position);
      const WaiverPlace added = strongest_added(run.log, last, place);
      const bool at_added = added.attention > place.attention;
      if ((at_added ? added : place).attention <= limits.received_attention) continue;
      if (!at_added && last.at("enrichment", place).back() <= limits.enrichment) continue;
      ++sinks;
      here += at_added ? added.key == added_ : place.role < 0 && place.key == key_;
    }
    if (sinks == 0) throw Undefined("no head has a sink at the last probe");
    return static_cast<double>(here) / static_cast<double>(sinks);
  }

 private:
  static constexpr int64_t kNone = -1;

  static void check_entry(const std::string& axis, int64_t entry, const Config& config,
                          const Complain& complain) {
    if (entry == kNone) return;
    const Log::Axes axes = log_axes(config);
    const auto size = axes.find(axis);
    if (size == axes.end() || size->second == 0)
      complain(axis, fmt::format("the runs have no {} keys", axis), "");
    else if (entry < 0 || entry >= size->second)
      complain(axis,
               fmt::format("the runs have {} entries on this axis, 0 to {}, found {}", size->second,
                           size->second - 1, entry),
               "");
  }
  // The head's place, or the role to which it gives more attention.
  static WaiverPlace with_roles(const Log& log, ProbeValues& last, const WaiverPlace& place) {
    const std::string by_role = "role_received_attention";
    if (!last.has(by_role)) return place;
    const std::vector<double>& all = last.all(by_role).values;
    const int64_t heads = log.axes().at("head"),
                  each = std::ssize(all) / (heads * log.axes().at("layer"));
    const auto role = stronger_role(
        place, std::span(all).subspan((place.layer * heads + place.head) * each, each),
        log.strings("roles", "key_role_name"), 1, 1);
    if (!role) return place;
    WaiverPlace out = *role;
    out.layer = place.layer;
    out.head = place.head;
    return out;
  }
  // The added key to which this head gives the most, α and number in attention and key; an
  // attention of 0 where there is none.
  static WaiverPlace strongest_added(const Log& log, ProbeValues& last, const WaiverPlace& head) {
    WaiverPlace best{head.layer, head.head, kNone};
    if (!last.has("added_attention")) return best;
    for (int64_t key = 0; key < log.axes().at("added"); ++key) {
      WaiverPlace next{head.layer, head.head, key};
      next.attention = last.at("added_attention", next).back();
      if (next.attention > best.attention) best = next;
    }
    return best;
  }

  int64_t key_ = kNone, added_ = kNone;
};

}  // namespace

Registered<Measure> sink_share_kind() {
  return kind_of<Measure, SinkShare>(
      "sink_share", "of the heads with a sink at the end, the share whose strongest is this key");
}

}  // namespace waiver
