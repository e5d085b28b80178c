#include "inspect/probe_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/text/printable.h"
#include "core/text/table.h"
#include "probe/metrics/waiver_score.h"
#include "probe/shares.h"
#include "run/events.h"
#include "run/run_log.h"

namespace waiver {
namespace {

/// The last row of /probe.
class LastProbe {
 public:
  explicit LastProbe(const Log& log)
      : log_(log), rows_(std::ssize(log.steps("probe"))), tokens_(log.strings("probe", "tokens")) {}

  bool has(const std::string& name) const { return log_.has("probe", name); }
  std::vector<double> read(const std::string& name) const {
    return log_.read_rows("probe", name, rows_ - 1, rows_).values;
  }
  int64_t axis(const std::string& name) const { return log_.axes().at(name); }
  /// A token of the first probe sequence.
  std::string token(int64_t position) const { return token_cell(tokens_[position]); }

 private:
  const Log& log_;
  int64_t rows_;
  std::vector<std::string> tokens_;
};

std::string head_table(const LastProbe& probe, const std::vector<WaiverPlace>& places,
                       int64_t width) {
  const int64_t T = probe.axis("key");
  const bool proxy = probe.has("proxy_received_attention");
  const auto shares = [&](const char* name) {
    return probe.read(
        as_shares(name, [&](const std::string& series) { return probe.has(series); }));
  };
  const auto alpha = shares("received_attention"), enrichment = shares("enrichment"),
             ratio = probe.read("value_ratio"), share = probe.read("contribution_share"),
             score = probe.read("waiver_score"), bos = probe.read("bos_attention"),
             argmax = probe.read("first_argmax_share"), entropy = probe.read("attention_entropy");
  Table table{{{Align::left, 5}, {Align::right, 3}, {Align::left, 5}}, {}};
  for (const int64_t of_number : {5, 6, 6, 6, 6, 8, 7})
    table.columns.push_back({Align::right, of_number, 1});
  table.columns.push_back({.wraps = true});
  table.rows = {{"head", "key", "token", proxy ? "α *" : "α", proxy ? "E *" : "E", "r_V", "c",
                 "A[t,0]", "argmax 0", "entropy", "verdict"}};
  for (size_t head = 0; head < places.size(); ++head) {
    const int64_t key = places[head].key;
    table.rows.push_back({fmt::format("{}.{}", places[head].layer, places[head].head)});
    std::vector<Cell>& row = table.rows.back();
    if (key < 0) {
      row.emplace_back(
          std::isnan(argmax[head]) ? "  no attention" : "  every query sees itself alone",
          table.columns.size() - 1);
      continue;
    }
    const size_t at = head * T + key;
    row.insert(row.end(), {std::to_string(key), probe.token(key), number_cell(alpha[at], 3),
                           number_cell(enrichment[at], 2), number_cell(ratio[at], 3),
                           number_cell(share[at], 3), number_cell(bos[head], 3),
                           number_cell(argmax[head], 3), number_cell(entropy[head], 3),
                           verdict_text(static_cast<Verdict>(std::lround(score[at])))});
  }
  std::string text = to_text(table, width);
  text += folded(
      "key: the one with the most attention among those that many queries see; α received "
      "attention, E enrichment, r_V value ratio, c share of the head's output; A[t,0] attention to "
      "the first token.",
      width);
  if (proxy) text += "* of weights made shares, which this normalizer's are not.\n";
  return text;
}

// `1.84 at 0`: the largest of a layer's positions that have one.
std::string largest(const std::vector<double>& values, int64_t layer, int64_t T) {
  const double* of_layer = &values[layer * T];
  int64_t best = 0;
  for (int64_t t = 1; t < T; ++t)
    if (std::isnan(of_layer[best]) || of_layer[t] > of_layer[best]) best = t;
  return std::isnan(of_layer[best]) ? "none" : fmt::format("{:.2f} at {}", of_layer[best], best);
}

std::string layer_table(const LastProbe& probe, int64_t width) {
  const int64_t T = probe.axis("position");
  const auto ratio = probe.read("residual_ratio"),
             sink = probe.has("gradient_sink") ? probe.read("gradient_sink")
                                               : std::vector<double>(ratio.size(), std::nan("")),
             kurtosis = probe.read("residual_kurtosis"), top = probe.read("residual_max_norm"),
             activation = probe.read("activation_ratio"),
             massive = probe.read("massive_activations"), entropy = probe.read("matrix_entropy"),
             mixing = probe.read("over_mixing");
  Table table{{{Align::left, 5}}, {}};
  for (int i = 0; i < 2; ++i) table.columns.push_back({Align::right, 9, 1, true});
  for (const int64_t of_number : {8, 7, 8, 7, 7, 6})
    table.columns.push_back({Align::right, of_number, 1});
  table.rows = {{"layer", "residual ratio", "gradient sink", "kurtosis", "max", "÷ median",
                 "massive", "entropy", "mixing"}};
  for (int64_t l = 0; l < std::ssize(entropy); ++l) {
    double count = 0;
    for (int64_t t = 0; t < T; ++t)
      if (const double here = massive[l * T + t]; !std::isnan(here)) count += here;
    table.rows.push_back({std::to_string(l), largest(ratio, l, T), largest(sink, l, T),
                          number_cell(kurtosis[l], 2), number_cell(top[l], 2),
                          number_cell(activation[l], 1), number_cell(count, 1),
                          number_cell(entropy[l], 3), number_cell(mixing[l], 1)});
  }
  return to_text(table, width) +
         folded(
             "of the residual stream after the block: the largest ratio to the mean of the other "
             "positions; max |h|, its ratio to the median, and how many are massive activations; "
             "matrix entropy; distance from over-mixing.",
             width);
}

}  // namespace

std::string token_cell(const std::string& text) {
  constexpr size_t most = 24;
  return text == " " ? "\" \"" : printable(text, most);
}

Log probe_saved(const SavedModel& saved, const ProbeTokens& tokens,
                const std::filesystem::path& path, Maps maps) {
  Prober prober(*saved.model, *saved.data, saved.config.probe,
                static_cast<uint64_t>(saved.config.seed.data), When::on_demand, tokens);
  prober.measure(maps == Maps::keep);
  const int64_t sequences = saved.config.probe.batch;
  Log log = new_log(path, saved.config, *saved.data, {}, {{"sequence", sequences}});
  define_probe(log, prober);
  log.append("probe", saved.step, row_of(prober.values()));
  if (maps == Maps::keep) {
    name_positions(log, prober);
    define_snapshots(log, prober);
    log.append("snapshot", saved.step, row_of(prober.snapshot()));
  }
  std::vector<std::string> all;
  for (int64_t b = 0; b < sequences; ++b)
    std::ranges::copy(prober.tokens_of(b), std::back_inserter(all));
  const std::span<const std::string> texts(all);
  log.set({"probe", "tokens", {"position"}, "1", "tokens", "of the first probe sequence"},
          texts.first(saved.config.model.context));
  log.set({"sequences", "tokens", {"sequence", "position"}, "1", "tokens", "of all of them"},
          texts);
  return log;
}

std::string probe_report(const Log& log, int64_t width) {
  const LastProbe probe(log);
  Table losses{{{Align::left, 14}, {.gap = 1, .wraps = true}}, {}};
  for (const char* name : {"loss", "output_distance", "max_error", "backcopy_risk", "bigram_risk"})
    if (probe.has(name)) {
      const double value = probe.read(name)[0];
      const std::string unit = std::isnan(value) ? "1" : log.spec("probe", name).units;
      losses.rows.push_back({name, number_cell(value, 6) + (unit == "1" ? "" : " " + unit)});
    }
  return head_table(probe, waiver_places(log), width) + "\n" + layer_table(probe, width) + "\n" +
         element_table(log, width) + "\n" + to_text(losses, width);
}

}  // namespace waiver
