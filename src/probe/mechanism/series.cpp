#include "probe/mechanism/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace waiver {
namespace {

struct Number {
  std::string_view name, meaning;
  double (*of)(const Mechanism&);
};
constexpr Number kNumbers[] = {
    {"position", "of the key whose selection was studied; -1: another in each sequence",
     [](const Mechanism& m) { return static_cast<double>(m.waiver); }},
    {"key_role", "of that key: an entry of that axis; -1: a position",
     [](const Mechanism& m) { return static_cast<double>(m.key_role); }},
    {"queries", "whose attention counts: an entry of query_role",
     [](const Mechanism& m) { return static_cast<double>(m.query_role); }},
    {"status", "of that key: 0 neither, 1 sink only, 2 waiver element",
     [](const Mechanism& m) { return static_cast<double>(m.status); }},
    {"selected_by", "0 nothing, 1 mask, 2 position encoding, 3 feature distribution, 4 mixed",
     [](const Mechanism& m) { return static_cast<double>(m.selected_by); }},
    {"received_attention", "α of that key, mean over the heads in which it is a sink, or over all",
     [](const Mechanism& m) { return m.received; }},
    {"enrichment", "E of that key in the same heads",
     [](const Mechanism& m) { return m.enrichment; }},
    {"value_ratio", "r_V of that key, median over the same heads",
     [](const Mechanism& m) { return m.value_ratio; }},
    {"follows_encoding", "share of its attention that moves with exchanged position ids",
     [](const Mechanism& m) { return m.follows.encoding; }},
    {"follows_content", "share of its attention that moves with exchanged contents",
     [](const Mechanism& m) { return m.follows.content; }},
    {"follows_both", "share of its attention that moves with both",
     [](const Mechanism& m) { return m.follows.both; }},
    {"follows_effective",
     "share of its attention, in those of its heads after the first block, that moves with "
     "exchanged effective encodings; NaN without",
     [](const Mechanism& m) { return m.follows.effective; }},
    {"loss_moved", "Δloss with exchanged effective encodings; NaN without",
     [](const Mechanism& m) { return m.follows.moved; }},
    {"loss", "of the probe batch in the natural pass", [](const Mechanism& m) { return m.loss; }}};

/// A number of a finding, under a name of its own.
struct OfFinding {
  std::string_view name, id, number, meaning;
};
constexpr OfFinding kOfFindings[] = {
    {"rho", "W2", "rho", "causal cost ρ = Δloss(zero v) ÷ Δloss(hide the key)"},
    {"loss_zero", "W2", "zero", "Δloss with the key's value zeroed"},
    {"loss_mean", "W2", "mean", "Δloss with its value replaced by the mean over positions"},
    {"loss_noise", "W2", "noise", "Δloss with its value in a random direction, at the same norm"},
    {"loss_donor", "W2", "donor", "Δloss with its value from another sequence"},
    {"loss_foreign", "W2", "foreign", "Δloss with an ordinary key's value from another sequence"},
    {"loss_hide", "W2", "hide", "Δloss with the key hidden and the rest renormalised"},
    {"dose", "W9", "spearman", "Spearman's correlation of the dose of its encoding and E"},
    {"dose_effective", "W9", "effective_spearman",
     "Spearman's correlation of the dose of its effective encoding and E after the first block"},
    {"enrichment_without_effective", "W9", "effective_E_without",
     "E after the first block without its effective encoding"},
    {"loss_without_effective", "W9", "effective_loss_without",
     "Δloss without its effective encoding"}};

double number_of(const Mechanism& m, const OfFinding& which) {
  for (const Finding& f : m.findings)
    if (f.id == which.id)
      for (const auto& [name, value] : f.numbers)
        if (name == which.number) return value;
  return NAN;
}

constexpr char kOutcomes[] =
    "0 supported, 1 refuted, 2 undecided, 3 does not apply, 4 position-selected, 5 mask-selected, "
    "6 mixed";

}  // namespace

std::vector<SeriesSpec> mechanism_series() {
  std::vector<SeriesSpec> out;
  const auto add = [&](std::string_view name, const std::string& meaning) {
    out.push_back({"mechanism", std::string(name), {}, "1", std::string(name), meaning});
  };
  for (const Number& n : kNumbers) add(n.name, std::string(n.meaning));
  for (const OfFinding& n : kOfFindings)
    add(n.name, fmt::format("{}; NaN where it does not apply", n.meaning));
  for (const Hypothesis& h : hypotheses()) add(h.id, fmt::format("{}: {}", h.claim, kOutcomes));
  return out;
}

std::string mechanism_docs() {
  std::string text =
      "\n# What the mechanism tests add\n\n"
      "Series of `/mechanism`, at the steps of `probe.mechanism`, and in the run's `mechanism.h5` "
      "after `waiver probe RUN --mechanism --all-checkpoints`.\n\n"
      "| series | meaning |\n|---|---|\n";
  for (const SeriesSpec& spec : mechanism_series())
    text += fmt::format("| `{}` | {} |\n", spec.name, spec.description);
  return text;
}

bool is_series(const std::string& hypothesis, const std::string& number) {
  return std::ranges::any_of(
      kOfFindings, [&](const OfFinding& n) { return n.id == hypothesis && n.number == number; });
}

std::vector<std::pair<std::string, double>> numbers_of(const Mechanism& m) {
  std::vector<std::pair<std::string, double>> out;
  for (const Number& n : kNumbers) out.emplace_back(n.name, n.of(m));
  for (const OfFinding& n : kOfFindings) out.emplace_back(n.name, number_of(m, n));
  for (const Finding& f : m.findings) out.emplace_back(f.id, static_cast<double>(f.outcome));
  return out;
}

}  // namespace waiver
