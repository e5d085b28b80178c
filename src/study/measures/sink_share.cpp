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
    check_probed("", config, complain);
  }
  double of(const RunLogs& run) const override {
    const std::vector<WaiverPlace> places = waiver_places(run.log);
    ProbeValues last(run.log, std::ssize(run.log.steps("probe")) - 1);
    const WaiverThresholds& limits = run.config.probe.waiver;
    int64_t sinks = 0, here = 0;
    for (const WaiverPlace& position : places) {
      const WaiverPlace place = strongest(run.log, last, position);
      if (place.attention <= limits.received_attention) continue;
      if (place.added < 0 && last.at("enrichment", place).back() <= limits.enrichment) continue;
      ++sinks;
      const bool at_position = place.added < 0 && place.role < 0;
      here += added_ == kNone ? at_position && place.key == key_ : place.added == added_;
    }
    if (sinks == 0) throw Undefined("no head has a sink at the last probe");
    return static_cast<double>(here) / static_cast<double>(sinks);
  }

 private:
  static constexpr int64_t kNone = -1;

  static void check_entry(const std::string& axis, int64_t entry, const Config& config,
                          const Complain& complain) {
    if (entry == kNone) return;
    const Log::Axes axes = log_axes(config, *config.data);
    const auto size = axes.find(axis);
    if (size == axes.end() || size->second == 0)
      complain(axis, fmt::format("the runs have no {} keys", axis), "");
    else if (entry < 0 || entry >= size->second)
      complain(axis,
               fmt::format("the runs have {} entries on this axis, 0 to {}, found {}", size->second,
                           size->second - 1, entry),
               "");
  }
  // Of one head: its place among positions, or the role or added key to which it gives more.
  static WaiverPlace strongest(const Log& log, ProbeValues& last, const WaiverPlace& position) {
    WaiverPlace best = position;
    const auto of_head = [&](const std::string& series) {
      const std::span all = last.all(series).values;
      const int64_t heads = log.axes().at("head"),
                    each = std::ssize(all) / (heads * log.axes().at("layer"));
      return all.subspan((position.layer * heads + position.head) * each, each);
    };
    const auto take = [&](std::optional<WaiverPlace> stronger) {
      if (!stronger) return;
      best = *std::move(stronger);
      best.layer = position.layer;
      best.head = position.head;
    };
    if (last.has("role_received_attention"))
      take(stronger_role(best, of_head("role_received_attention"),
                         log.strings("roles", "key_role_name"), 1, 1));
    if (last.has("added_attention")) take(stronger_added(best, of_head("added_attention"), 1, 1));
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
