#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text/table.h"
#include "inspect/intervene.h"
#include "probe/shares.h"

namespace waiver {
namespace {

constexpr int64_t kMostHeads = 8;

// What is shown of a key in a head: how many decimals it is worth, the room it and its change take.
struct Quantity {
  const char *series, *symbol;
  int decimals, width, change_width;
};
constexpr Quantity kQuantities[] = {{"received_attention", "α", 3, 6, 7},
                                    {"enrichment", "E", 2, 7, 8},
                                    {"value_ratio", "r_V", 2, 6, 7}};
constexpr int kWidth = 41;  // of all three

std::string without_spaces_at_ends(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out.erase(out.find_last_not_of(' ') + 1);
    out += c;
  }
  return out;
}

/// Writes the tables of one model, whose heads have a number each, layer · H + head.
class Table {
 public:
  Table(const ModelConfig& model, const InterventionSpec& spec, const Effects& effects)
      : model_(model), spec_(spec), effects_(effects), H_(model.heads), T_(model.context) {
    positions_.emplace_back(kWaiver, effects.positions.at(kWaiver));
    for (const auto& named : effects.positions)
      if (named.first != kWaiver) positions_.push_back(named);
    choose_heads(model.layers * H_);
    for (const InterventionArm& arm : spec.arms)
      width_ = std::max(width_, static_cast<int>(arm.name.size()));
  }

  std::string text() const {
    std::string out = "\n" + losses("natural", effects_.natural, false) + "\n" + block(nullptr);
    for (size_t i = 0; i < spec_.arms.size(); ++i)
      out += "\n" + losses(spec_.arms[i].name, effects_.arms[i], true) + "\n" +
             block(&effects_.arms[i]);
    if (hidden_ > 0)
      out +=
          fmt::format("\nOf {} heads these {} attend most to {}.\n", hidden_ + std::ssize(heads_),
                      heads_.size(), positions_.size() > 1 ? "a named position" : "the waiver");
    return out + overview();
  }

 private:
  float value(const Effects::Values& values, const Quantity& q, int64_t head, int64_t key) const {
    const std::string series = as_shares(q.series, [&](const std::string& name) {
      return std::ranges::count(effects_.series, name, &SeriesSpec::name) > 0;
    });
    return effects_.of(values, series)[head * T_ + key];
  }

  // The heads of blocks with attention; of many, those that attend most to a named position.
  void choose_heads(int64_t count) {
    const auto strength = [&](int64_t head) {
      float most = 0;
      for (const auto& [name, key] : positions_)
        most = std::max(most, value(effects_.natural, kQuantities[0], head, key));
      return most;
    };
    heads_.resize(count);
    std::iota(heads_.begin(), heads_.end(), 0);
    std::erase_if(heads_, [&](int64_t head) { return !model_.has_attention(head / H_); });
    if (std::ssize(heads_) <= kMostHeads) return;
    hidden_ = std::ssize(heads_) - kMostHeads;
    std::ranges::stable_sort(heads_, std::greater<>(), strength);
    heads_.resize(kMostHeads);
    std::ranges::sort(heads_);
  }

  // `zero   loss 1.6741 +0.0003   backcopy_risk …`
  std::string losses(const std::string& arm, const Effects::Values& values, bool changes) const {
    std::string out = fmt::format("{:<{}}", arm, width_);
    for (const SeriesSpec& series : effects_.series) {
      if (series.name != "loss" && !series.name.ends_with("_risk")) continue;
      const float now = effects_.of(values, series.name)[0];
      out += fmt::format("   {} {}", series.name, number_cell(now, 0, 4));
      if (changes)
        out += " " + number_cell(now - effects_.of(effects_.natural, series.name)[0], 0, 4, true);
    }
    return out;
  }

  // α, E and r_V of every named position in one head.
  std::string cells(const Effects::Values* arm, int64_t head) const {
    std::string out;
    for (const auto& [name, key] : positions_) {
      out += "  ";
      for (const Quantity& q : kQuantities) {
        const float before = value(effects_.natural, q, head, key);
        const float now = arm ? value(*arm, q, head, key) : before;
        out += number_cell(now, q.width, q.decimals);
        out += arm ? number_cell(now - before, q.change_width, q.decimals, true)
                   : std::string(q.change_width, ' ');
      }
    }
    return out;
  }

  std::string heading(const std::string& first, bool changes) const {
    std::string one;
    for (const Quantity& q : kQuantities)
      one += fmt::format("{:>{}}{:>{}}", q.symbol, q.width,
                         changes ? fmt::format("Δ{}", q.symbol) : "", q.change_width);
    std::string line = first;
    for (size_t i = 0; i < positions_.size(); ++i) line += "  " + one;
    return line + "\n";
  }

  std::string names(size_t indent) const {
    std::string out(indent, ' ');
    for (const auto& [name, key] : positions_)
      out += fmt::format("  {:<{}}", fmt::format("  {} (position {})", name, key), kWidth);
    return out + "\n";
  }

  std::string head_name(int64_t head) const { return fmt::format("{}.{}", head / H_, head % H_); }

  // A line for each head.
  std::string block(const Effects::Values* arm) const {
    if (heads_.empty()) return {};
    std::string out = names(8) + heading(fmt::format("  {:<6}", "head"), arm);
    for (const int64_t head : heads_)
      out += fmt::format("  {:<6}", head_name(head)) + cells(arm, head) + "\n";
    return out;
  }

  // A line for each arm.
  std::string overview() const {
    if (!effects_.strongest) return {};
    const int64_t head = effects_.strongest->layer * H_ + effects_.strongest->head;
    std::string out =
        fmt::format("\nThe strongest head, {}, under every arm\n", head_name(head)) +
        names(width_ + 17) +
        heading(fmt::format("{:<{}}{:>9}{:>8}", "arm", width_, "loss", "Δloss"), true);
    const float before = effects_.of(effects_.natural, "loss")[0];
    out += fmt::format("{:<{}}{:>9.4f}{:>8}", "natural", width_, before, "") +
           cells(nullptr, head) + "\n";
    for (size_t i = 0; i < effects_.arms.size(); ++i) {
      const float now = effects_.of(effects_.arms[i], "loss")[0];
      out += fmt::format("{:<{}}{:>9.4f}{:>+8.4f}", spec_.arms[i].name, width_, now, now - before) +
             cells(&effects_.arms[i], head) + "\n";
    }
    return out;
  }

  const ModelConfig& model_;
  const InterventionSpec& spec_;
  const Effects& effects_;
  int64_t H_, T_, hidden_ = 0;
  std::vector<std::pair<std::string, int64_t>> positions_;  // the waiver first
  std::vector<int64_t> heads_;
  int width_ = 7;  // of the longest arm's name
};

}  // namespace

std::string effects_table(const SavedModel& saved, const InterventionSpec& spec,
                          const Effects& effects) {
  const Config& config = saved.config;
  std::string text;
  for (const std::string& line : {spec.title, spec.question})
    if (!line.empty()) text += line + "\n";
  text += fmt::format("{} (step {}), {} probe sequences of {} tokens\n", saved.checkpoint.string(),
                      saved.step, config.probe.batch, config.model.context);
  return without_spaces_at_ends(text + Table(config.model, spec, effects).text());
}

}  // namespace waiver
