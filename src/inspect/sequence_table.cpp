#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <span>

#include "core/text/table.h"
#include "inspect/given.h"
#include "inspect/probe_report.h"
#include "probe/events/waiver_place.h"
#include "run/events.h"

namespace waiver {
namespace {

/// What the last probe says of the positions of one sequence; NaN where it says nothing.
struct Along {
  std::vector<double> alpha, mean, ratio, residual;
};

// Numbers [L, H, T] averaged over the heads that have one.
std::vector<double> mean_of_heads(const std::vector<double>& all, int64_t T) {
  std::vector<double> sums(T, 0.0), counts(T, 0.0);
  for (int64_t i = 0; i < std::ssize(all); ++i)
    if (!std::isnan(all[i])) sums[i % T] += all[i], counts[i % T] += 1;
  for (int64_t t = 0; t < T; ++t) sums[t] /= counts[t];
  return sums;
}

Along read_along(ProbeValues& probe, const std::optional<WaiverPlace>& strongest,
                 const ModelConfig& model) {
  const int64_t T = model.context;
  const auto row = [&](const std::string& series, int64_t at) {
    const std::vector<double>& all = probe.all(series).values;
    return std::vector<double>(all.begin() + at * T, all.begin() + (at + 1) * T);
  };
  Along out{{},
            mean_of_heads(probe.all("received_attention").values, T),
            {},
            row("residual_ratio", model.layers - 1)};
  if (!strongest) {
    out.alpha = out.ratio = std::vector<double>(T, std::nan(""));
    return out;
  }
  const int64_t head = strongest->layer * model.heads + strongest->head;
  out.alpha = row("received_attention", head);
  out.ratio = row("value_ratio", head);
  return out;
}

// All of a short sequence's positions; of a long one those with the largest α, before all others
// those that many queries see.
std::vector<int64_t> worth_showing(const std::vector<double>& alpha,
                                   const std::vector<int64_t>& candidates, int64_t length) {
  constexpr int64_t kShort = 24, kMost = 12;
  std::vector<int64_t> all(length);
  std::iota(all.begin(), all.end(), 0);
  if (length <= kShort) return all;
  const auto rank = [&](int64_t t) {
    return std::pair(std::ranges::binary_search(candidates, t),
                     std::isnan(alpha[t]) ? -1.0 : alpha[t]);
  };
  std::ranges::stable_sort(all, std::greater<>(), rank);
  all.resize(kMost);
  std::ranges::sort(all);
  return all;
}

}  // namespace

std::string sequence_table(const SavedModel& saved, const Log& log, int64_t width) {
  const ModelConfig& model = saved.config.model;
  const Dataset& data = *saved.data;
  const int64_t T = model.context;
  Batch first;
  first.resize(1, T);
  data.batch(0, Split::probe, 0, first);
  const int64_t length = data.length(first.inputs.data(), T);
  const std::optional<WaiverPlace> strongest = strongest_waiver(log);
  ProbeValues probe(log, std::ssize(log.steps("probe")) - 1);
  const Along along = read_along(probe, strongest, model);
  std::vector<int64_t> candidates;
  if (strongest) {
    const std::vector<double> seen = log.read("probe", "key_visibility").values;
    candidates = candidate_keys(std::span(seen).subspan(strongest->layer * T, T));
  }
  const std::vector<int64_t> shown = worth_showing(along.alpha, candidates, length);

  const std::string head = strongest ? fmt::format("{}.{}", strongest->layer, strongest->head) : "";
  const std::string star = probe.has("proxy_received_attention") ? " *" : "";
  const std::vector<std::string> tokens = log.strings("probe", "tokens"), roles = data.key_roles();
  Table table{{{Align::right, 8}, {Align::left, 7}, {Align::left, 7}}, {}};
  for (int i = 0; i < 4; ++i) table.columns.push_back({Align::right, 8});
  table.rows = {{"position", "token", "role", "α " + head + star, "mean α" + star, "r_V " + head,
                 "residual ratio"}};
  for (const int64_t t : shown)
    table.rows.push_back({std::to_string(t), token_cell(tokens[t]),
                          roles[data.key_role(first.inputs.data(), t)],
                          number_cell(along.alpha[t], 3), number_cell(along.mean[t], 3),
                          number_cell(along.ratio[t], 3), number_cell(along.residual[t], 2)});
  std::string text = to_text(table, width);
  if (const int64_t others = length - std::ssize(shown); others > 0)
    text += fmt::format(
        "and {} other positions{}\n", others,
        strongest ? ", which receive less in head " + head + " or are seen by few queries" : "");
  if (strongest)
    text += folded(
        fmt::format("α {0}: received attention in the head with the most on a single key, {1}; "
                    "r_V {0}: value ratio there; mean α: over all heads; residual ratio: after the "
                    "last block.",
                    head, strongest->key_name()),
        width);
  if (saved.config.probe.batch > 1)
    text +=
        fmt::format("Tokens and roles are those of the first sequence, numbers means over {}.\n",
                    saved.config.probe.batch);
  return text;
}

}  // namespace waiver
