#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text/table.h"
#include "inspect/intervene.h"
#include "probe/cost.h"
#include "probe/shares.h"

namespace waiver {
namespace {

constexpr int64_t kMostHeads = 8;

// What is shown of a key in a head: how many decimals it is worth, the columns it and its change
// take.
struct Quantity {
  const char *series, *symbol;
  int decimals;
  Column now, change;
};
constexpr Quantity kQuantities[] = {
    {"received_attention", "α", 3, {Align::right, 6}, {Align::right, 6, 1}},
    {"enrichment", "E", 2, {Align::right, 6, 1}, {Align::right, 7, 1}},
    {"value_ratio", "r_V", 2, {Align::right, 5, 1}, {Align::right, 6, 1}}};

/// Writes the tables of one model, whose heads have a number each, layer · H + head.
class EffectsTables {
 public:
  EffectsTables(const ModelConfig& model, const InterventionSpec& spec, const Effects& effects,
                int64_t width)
      : model_(model),
        spec_(spec),
        effects_(effects),
        H_(model.heads),
        T_(model.context),
        width_(width),
        cost_(cost_series([&](const std::string& name) { return has(name); })) {
    positions_.emplace_back(kWaiver, effects.positions.at(kWaiver));
    for (const auto& named : effects.positions)
      if (named.first != kWaiver) positions_.push_back(named);
    choose_heads(model.layers * H_);
    for (const InterventionArm& arm : spec.arms)
      longest_ = std::max(longest_, display_width(arm.name));
  }

  std::string text() const {
    std::string out = "\n" + losses("natural", effects_.natural, false) + block(nullptr);
    for (size_t i = 0; i < spec_.arms.size(); ++i)
      out += "\n" + losses(spec_.arms[i].name, effects_.arms[i], true) + block(&effects_.arms[i]);
    if (hidden_ > 0)
      out +=
          fmt::format("\nOf {} heads these {} attend most to {}.\n", hidden_ + std::ssize(heads_),
                      heads_.size(), positions_.size() > 1 ? "a named position" : "the waiver");
    return out + overview();
  }

 private:
  float value(const Effects::Values& values, const Quantity& q, int64_t head, int64_t key) const {
    const std::string series = as_shares(q.series, [&](const auto& name) { return has(name); });
    return effects_.of(values, series)[head * T_ + key];
  }
  bool has(const std::string& name) const {
    return std::ranges::count(effects_.series, name, &SeriesSpec::name) > 0;
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

  // `zero   loss 1.6741 +0.0003   backcopy_risk …`, in lines as many as it needs.
  std::string losses(const std::string& arm, const Effects::Values& values, bool changes) const {
    std::string out, line = arm + std::string(longest_ - display_width(arm), ' ');
    for (const SeriesSpec& series : effects_.series) {
      if (series.name != cost_ && !series.name.ends_with("_risk")) continue;
      const float now = effects_.of(values, series.name)[0];
      std::string part = fmt::format("   {} {}", series.name, number_cell(now, 4));
      if (changes)
        part += " " + number_cell(now - effects_.of(effects_.natural, series.name)[0], 4, true);
      if (width_ > 0 && display_width(line + part) > width_) {
        out += line + "\n";
        line = std::string(longest_, ' ');
      }
      line += part;
    }
    return out + line + "\n";
  }

  std::string head_name(int64_t head) const { return fmt::format("{}.{}", head / H_, head % H_); }

  // These columns, then those of every named position.
  Table begin(std::vector<Column> columns, std::vector<Cell> heading, bool changes) const {
    std::vector<Cell> names(heading.size(), "");
    for (const auto& [name, key] : positions_) {
      names.emplace_back(fmt::format("  {} (position {})", name, key), 2 * std::size(kQuantities));
      for (const Quantity& q : kQuantities) {
        columns.insert(columns.end(), {q.now, q.change});
        heading.emplace_back(q.symbol);
        heading.emplace_back(changes ? fmt::format("Δ{}", q.symbol) : "");
      }
    }
    return {std::move(columns), {std::move(names), std::move(heading)}};
  }

  // α, E and r_V of every named position in one head.
  void add_cells(std::vector<Cell>& row, const Effects::Values* arm, int64_t head) const {
    for (const auto& [name, key] : positions_)
      for (const Quantity& q : kQuantities) {
        const float before = value(effects_.natural, q, head, key);
        const float now = arm ? value(*arm, q, head, key) : before;
        row.emplace_back(number_cell(now, q.decimals));
        row.emplace_back(arm ? number_cell(now - before, q.decimals, true) : "");
      }
  }

  // A line for each head.
  std::string block(const Effects::Values* arm) const {
    if (heads_.empty()) return {};
    Table table = begin({{Align::left, 6}}, {"head"}, arm);
    table.indent = 2;
    for (const int64_t head : heads_) {
      table.rows.push_back({head_name(head)});
      add_cells(table.rows.back(), arm, head);
    }
    return to_text(table, width_);
  }

  // A line for each arm.
  std::string overview() const {
    if (!effects_.strongest) return {};
    const int64_t head = effects_.strongest->layer * H_ + effects_.strongest->head;
    Table table = begin({{.wraps = true}, {Align::right, 6, 3}, {Align::right, 7, 1}},
                        {"arm", cost_, "Δ" + cost_}, true);
    const float before = effects_.of(effects_.natural, cost_)[0];
    table.rows.push_back({"natural", number_cell(before, 4), ""});
    add_cells(table.rows.back(), nullptr, head);
    for (size_t i = 0; i < effects_.arms.size(); ++i) {
      const float now = effects_.of(effects_.arms[i], cost_)[0];
      table.rows.push_back(
          {spec_.arms[i].name, number_cell(now, 4), number_cell(now - before, 4, true)});
      add_cells(table.rows.back(), &effects_.arms[i], head);
    }
    return fmt::format("\nThe strongest head, {}, under every arm\n", head_name(head)) +
           to_text(table, width_);
  }

  const ModelConfig& model_;
  const InterventionSpec& spec_;
  const Effects& effects_;
  int64_t H_, T_, width_, hidden_ = 0;
  std::string cost_;  // the series that says what an arm costs
  std::vector<std::pair<std::string, int64_t>> positions_;  // the waiver first
  std::vector<int64_t> heads_;
  int64_t longest_ = display_width("natural");  // name of an arm
};

}  // namespace

std::string effects_table(const SavedModel& saved, const InterventionSpec& spec,
                          const Effects& effects, int64_t width) {
  const Config& config = saved.config;
  std::string text;
  for (const std::string& line : {spec.title, spec.question})
    if (!line.empty()) text += folded(line, width);
  text +=
      folded(fmt::format("{} (step {}), {} probe sequences of {} tokens", saved.checkpoint.string(),
                         saved.step, config.probe.batch, config.model.context),
             width);
  return text + EffectsTables(config.model, spec, effects, width).text();
}

}  // namespace waiver
