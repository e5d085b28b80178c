#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/scalar.h"
#include "core/statistics/order.h"
#include "study/measures/series_choice.h"

namespace waiver {

enum class RelativeTo { none, first };
std::span<const Choice> words(RelativeTo) {
  static constexpr Choice all[] = {{"none", "x itself"}, {"first", "x divided by its first row"}};
  return all;
}

namespace {

/// x at one step, or its max, min or mean over the steps.
class Value : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    v.field({"step", "last, first, the number of a step, or max, min or mean over the steps"},
            step_);
    v.field({"relative_to", "what x is divided by"}, relative_to_);
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check(config, complain);
    static constexpr std::string_view words[] = {"last", "first", "max", "min", "mean"};
    const bool known = std::ranges::find(words, step_) != std::end(words);
    const auto number = step_number();
    if (!known && !number)
      complain("step",
               fmt::format("expected last, first, a number, max, min or mean, found \"{}\"", step_),
               "");
    if (step_ == "first" && relative_to_ == RelativeTo::first)
      complain("step", "x divided by its first row is 1 there", "");
    if (number && *number > config.train.steps)
      complain("step", fmt::format("the runs end at step {}", config.train.steps), "");
    else if (const int64_t every = config.train.eval.every; number && series_.group() == "eval" &&
                                                            *number < config.train.steps &&
                                                            (every == 0 || *number % every != 0))
      complain("step", fmt::format("the runs are not evaluated at step {}", *number),
               every == 0 ? "Set train.eval.every above 0."
                          : fmt::format("They are every {} steps.", every));
    else if (number && series_.group() == "probe" && config.probe.every > 0 &&
             !config.probe.due(*number, config.train.steps))
      complain("step", fmt::format("the runs are not probed at step {}", *number),
               fmt::format("They are every {} steps; further ones are in probe.first.",
                           config.probe.every));
  }
  double of(const RunLogs& run) const override {
    auto [steps, values] = series_.of(run);
    if (relative_to_ == RelativeTo::first) {
      const double first = values.front();
      if (first == 0 || std::isnan(first))
        throw Undefined(
            fmt::format("the series is {} at its first row", first == 0 ? "0" : "undefined"));
      for (double& x : values) x /= first;
    }
    if (step_ == "last") return values.back();
    if (step_ == "first") return values.front();
    if (step_ == "max") return std::ranges::max(defined(values));
    if (step_ == "min") return std::ranges::min(defined(values));
    if (step_ == "mean") return mean(defined(values));
    const auto at = std::ranges::find(steps, step_number().value_or(-1));
    if (at == steps.end()) throw Undefined(fmt::format("the series has no row at step {}", step_));
    return values[at - steps.begin()];
  }

 private:
  static std::vector<double> defined(std::vector<double> values) {
    std::erase_if(values, [](double x) { return std::isnan(x); });
    if (values.empty()) throw Undefined("the series is undefined at every step");
    return values;
  }
  std::optional<int64_t> step_number() const {
    int64_t number = 0;
    if (parse_number(step_, number) != std::errc() || number < 0) return {};
    return number;
  }

  SeriesChoice series_;
  std::string step_ = "last";
  RelativeTo relative_to_ = RelativeTo::none;
};

}  // namespace

Registered<Measure> value_kind() {
  return kind_of<Measure, Value>("value", "x at a step, or its max, min or mean over the steps");
}

}  // namespace waiver
