#include "inspect/mechanism_series.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/stop.h"
#include "core/text/table.h"
#include "inspect/mechanism_report.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

/// The numbers of one checkpoint, by the names of their series.
using Numbers = std::map<std::string, double>;

Numbers numbers_of(const Mechanism& m) {
  Numbers out = {{"position", static_cast<double>(m.waiver)},
                 {"queries", static_cast<double>(m.query_role)},
                 {"status", static_cast<double>(m.status)},
                 {"selected_by", static_cast<double>(m.selected_by)},
                 {"received_attention", m.received},
                 {"enrichment", m.enrichment},
                 {"value_ratio", m.value_ratio},
                 {"loss", m.loss},
                 {"follows_encoding", m.follows.encoding},
                 {"follows_content", m.follows.content},
                 {"follows_both", m.follows.both}};
  for (const Finding& f : m.findings) {
    out[f.id] = static_cast<double>(f.outcome);
    for (const auto& [name, value] : f.numbers) out[f.id + "_" + name] = value;
  }
  return out;
}

std::string meaning_of(const std::string& series) {
  static const std::map<std::string, std::string> texts = {
      {"position", "of the key whose selection was studied; -1: another in each sequence"},
      {"queries", "whose attention counts: an entry of query_role"},
      {"status", "of that key: 0 neither, 1 sink only, 2 waiver element"},
      {"selected_by", "0 nothing, 1 mask, 2 position encoding, 3 feature distribution, 4 mixed"},
      {"follows_encoding", "share of its attention that moves with exchanged position ids"},
      {"follows_content", "share of its attention that moves with exchanged contents"},
      {"follows_both", "share of its attention that moves with both"}};
  if (const auto at = texts.find(series); at != texts.end()) return at->second;
  for (const Hypothesis& h : hypotheses()) {
    if (series == h.id)
      return fmt::format(
          "{}: 0 supported, 1 refuted, 2 undecided, 3 does not apply, 4 "
          "position-selected, 5 mask-selected, 6 mixed",
          h.claim);
    if (series.starts_with(fmt::format("{}_", h.id))) return std::string(h.claim);
  }
  return "of that key in the natural pass";
}

}  // namespace

std::vector<MechanismAt> mechanism_series(const fs::path& run) {
  const auto checkpoints = list_checkpoints(run / "checkpoints");
  if (checkpoints.empty())
    throw UsageError(run.string(), "this run has no checkpoint",
                     "Set train.checkpoint.at: [0, 100, …] to keep those of chosen steps.");
  std::vector<MechanismAt> out;
  for (const fs::path& checkpoint : checkpoints) {
    check_stop();
    const SavedModel saved = load_saved(checkpoint.string(), {}, {.probes = true});
    out.push_back({saved.step, mechanism_of(saved)});
  }
  return out;
}

void write_mechanism_series(const fs::path& file, const std::string& config,
                            const std::vector<MechanismAt>& all) {
  std::vector<Numbers> rows;
  Numbers none;  // every series, with NaN
  for (const MechanismAt& at : all) {
    rows.push_back(numbers_of(at.found));
    for (const auto& [name, value] : rows.back()) none[name] = NAN;
  }
  Log log = Log::create(file, {{"checkpoint", std::ssize(all)}}, config);
  for (const auto& [name, value] : none)
    log.define({"mechanism", name, {}, "1", name, meaning_of(name)});
  std::vector<std::string> keys;
  for (size_t i = 0; i < all.size(); ++i) {
    rows[i].insert(none.begin(), none.end());
    Log::Row row;
    for (const auto& [name, value] : rows[i])
      row.emplace_back(name, std::span<const double>(&value, 1));
    log.append("mechanism", all[i].step, row);
    keys.push_back(all[i].found.key);
  }
  log.set({"mechanism",
           "key_name",
           {"checkpoint"},
           "1",
           "key",
           "whose selection was studied at each checkpoint: a position, or a role"},
          std::span<const std::string>(keys));
  log.flush();
}

std::string to_text(const std::vector<MechanismAt>& all, int64_t width) {
  Table table{std::vector<Column>(10, {.wraps = true}),
              {{"step", "key", "queries", "status", "selected by", "follows encoding",
                "follows content", "α", "r_V", "loss"}},
              0,
              true};
  for (const auto& [step, m] : all)
    table.rows.push_back(
        {std::to_string(step), m.key, m.queries, std::string(verdict_text(m.status)),
         std::string(to_text(m.selected_by)), fmt::format("{:.2f}", m.follows.encoding),
         fmt::format("{:.2f}", m.follows.content), fmt::format("{:.3f}", m.received),
         fmt::format("{:.3f}", m.value_ratio), fmt::format("{:.4f}", m.loss)});
  return to_text(table, width);
}

}  // namespace waiver
