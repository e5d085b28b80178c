#include "probe/mechanism/mechanism.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/statistics/order.h"
#include "probe/roles.h"

namespace waiver {
namespace {

Verdict verdict_of(const Subject& s, int64_t queries, const HeadIndex& h, const Key& key) {
  return classify(s.thresholds,
                  static_cast<float>(s.passes.of_queries(s.natural.received, queries, h, key)),
                  static_cast<float>(s.passes.of_queries(s.natural.enrichment, queries, h, key)),
                  static_cast<float>(s.passes.of_key(s.natural.value_ratio, h, key)));
}

bool is_sink(const Subject& s, int64_t queries, const HeadIndex& h, const Key& key) {
  return verdict_of(s, queries, h, key) != Verdict::neither;
}

// Makes the sink to which these queries give most of their attention the subject's waiver; whether
// there is one. `best` is the largest α so far.
bool find_sink(Subject& s, const std::vector<Key>& keys, int64_t queries, double& best) {
  bool found = false;
  for (const Key& key : keys)
    for (const HeadIndex& h : s.passes.all_heads())
      if (const double alpha = s.passes.of_queries(s.natural.received, queries, h, key);
          is_sink(s, queries, h, key) && alpha > best) {
        found = true;
        best = alpha;
        s.waiver = key;
        s.queries = queries;
      }
  return found;
}

void judge_waiver(Subject& s) {
  for (const HeadIndex& h : s.passes.all_heads())
    if (is_sink(s, s.queries, h, s.waiver)) s.heads.push_back(h);
  const bool drained = std::ranges::any_of(s.heads, [&](const HeadIndex& h) {
    return verdict_of(s, s.queries, h, s.waiver) == Verdict::waiver;
  });
  s.status = drained ? Verdict::waiver : Verdict::sink_only;
}

// The sink with the largest α, or failing that the key that all heads together attend to most.
void find_waiver(Subject& s) {
  std::vector<Key> keys = s.candidates;
  for (Key& key : s.passes.roles()) keys.push_back(std::move(key));
  double best = 0;
  const int64_t queries = std::ssize(query_role_names(s.passes.data()));
  bool found = find_sink(s, keys, 0, best);
  const int64_t roles = found ? 0 : queries;
  for (int64_t q = 1; q < roles; ++q)
    if (s.passes.answered(q)) found |= find_sink(s, keys, q, best);
  if (found) return judge_waiver(s);
  s.heads = s.passes.all_heads();
  s.waiver = keys.front();  // where no key receives anything, all are alike
  for (const Key& key : keys)
    if (const double alpha = s.received(s.natural, key); alpha > best) {
      best = alpha;
      s.waiver = key;
    }
}

// Candidates that stand where the waiver does move on to the next place of a candidate.
void stand_aside(Subject& s) {
  if (s.waiver.is_position()) return;
  for (Key& key : s.candidates)
    for (size_t b = 0; b < key.at.size(); ++b)
      if (key.at[b] == s.waiver.at[b]) {
        const auto place = std::ranges::find(s.places, key.at[b]);
        key.at[b] = place + 1 == s.places.end() ? s.places.front() : *(place + 1);
      }
}

// Whether a key is fit for comparison: not a rival that gets as much attention, and not a row that
// the mask already makes self-only.
bool is_ordinary(const Subject& s, size_t candidate) {
  const Key& key = s.candidates[candidate];
  const int64_t k = s.places[candidate];
  return !(key == s.waiver) && s.received(s.natural, key) < s.received(s.natural, s.waiver) &&
         (k == 0 || s.passes.config().attention.mask->visible(k, s.passes.tokens()).size() > 1);
}

// Those of 5, 10 and 32 that are ordinary candidates, or else the middle candidate.
void choose_others(Subject& s) {
  for (size_t i = 0; i < s.places.size(); ++i)
    if (const int64_t k = s.places[i]; (k == 5 || k == 10 || k == 32) && is_ordinary(s, i))
      s.others.push_back(s.candidates[i]);
  if (!s.others.empty()) return;
  const size_t middle = s.candidates.size() / 2;
  s.others.push_back(s.candidates[s.candidates[middle] == s.waiver ? middle - 1 : middle]);
}

int64_t role_of(const Key& key, const Dataset& data) {
  const std::vector<std::string> names = key_role_names(data);
  const auto at = std::ranges::find(names, key.name);
  return at == names.end() ? -1 : at - names.begin();
}

bool stands_out(const Subject& s) {
  std::vector<double> all;
  for (const Key& key : s.candidates) all.push_back(s.received(s.natural, key));
  const double own = s.received(s.natural, s.waiver);
  return own > 0 && own >= 1.1 * quantile(all, 0.5);
}

SelectedBy selection(const Subject& s, const FollowRates& f) {
  const auto [all, none] = kFollow;
  if (!stands_out(s) || !std::isfinite(f.encoding + f.content + f.both)) return SelectedBy::nothing;
  if (f.encoding >= all && f.content <= none) return SelectedBy::position_encoding;
  if (f.content >= all && f.encoding <= none) return SelectedBy::feature_distribution;
  if (f.encoding <= none && f.content <= none && f.both <= none) return SelectedBy::mask;
  return SelectedBy::mixed;
}

}  // namespace

std::vector<PositionNames> Subject::names(const Key& other) const {
  Key beside = other;
  for (size_t b = 0; b < beside.at.size(); ++b) {
    const int64_t k = other.at[b];
    beside.at[b] = k - 1 == waiver.at[b] || k == 0 ? k + 1 : k - 1;
    if (beside.at[b] == waiver.at[b]) ++beside.at[b];
    beside.at[b] = std::min(beside.at[b], passes.length(static_cast<int64_t>(b)) - 1);
  }
  return names_of({{"waiver", waiver}, {"other", other}, {"beside", beside}});
}

std::vector<HeadIndex> Subject::later_heads() const {
  std::vector<HeadIndex> out = heads;
  std::erase_if(out, [](const HeadIndex& h) { return h.layer == 0; });
  return out;
}

double Subject::received(const Pass& pass, const std::vector<HeadIndex>& of, const Key& key) const {
  double sum = 0;
  for (const HeadIndex& h : of) sum += received(pass, h, key);
  return sum / static_cast<double>(of.size());
}

double Subject::enrichment(const Pass& pass, const std::vector<HeadIndex>& of,
                           const Key& key) const {
  double sum = 0;
  for (const HeadIndex& h : of) sum += passes.of_queries(pass.enrichment, queries, h, key);
  return sum / static_cast<double>(of.size());
}

double Subject::value_ratio(const Pass& pass, const std::vector<HeadIndex>& of,
                            const Key& key) const {
  std::vector<double> all;
  for (const HeadIndex& h : of) all.push_back(passes.of_key(pass.value_ratio, h, key));
  return median(all);
}

std::vector<std::string> Subject::content() const {
  std::vector<std::string> points = {point_name(-1, Point::tokens)};
  if (passes.config().takes_features()) points.push_back(point_name(-1, Point::features));
  return points;
}

double Subject::over_others(const std::vector<EditConfig>& edits,
                            const std::function<double(const Key&, const Pass&)>& f) const {
  std::vector<double> all;
  for (const Key& other : others) all.push_back(f(other, passes.run(edits, names(other))));
  return median(all);
}

std::string_view to_text(SelectedBy what) {
  constexpr std::string_view words[] = {"nothing", "mask", "position encoding",
                                        "feature distribution", "mixed"};
  return words[static_cast<size_t>(what)];
}

FollowRates follow_rates(Subject& s) {
  const auto rate_of = [&](const std::vector<HeadIndex>& heads,
                           const std::vector<std::string>& what,
                           std::vector<double>* costs = nullptr) {
    return s.over_others({make_edit(what, "swap", {"waiver", "other"})},
                         [&](const Key& other, const Pass& pass) {
                           if (costs) costs->push_back(pass.loss - s.natural.loss);
                           const double before = s.received(s.natural, heads, other),
                                        own = s.received(s.natural, heads, s.waiver);
                           return (s.received(pass, heads, other) - before) / (own - before);
                         });
  };
  const auto rate = [&](const std::vector<std::string>& what) { return rate_of(s.heads, what); };
  const std::string encoding = point_name(-1, Point::positions);
  std::vector<std::string> both = s.content();
  both.push_back(encoding);
  const std::vector<HeadIndex> later = s.later_heads();
  const std::string effective = point_name(0, Point::effective);
  FollowRates out{rate({encoding}), rate(s.content()), rate(both), NAN, NAN};
  if (!has_effective_encoding(s.passes.config())) return out;
  std::vector<double> costs;
  const double rate_of_effective = rate_of(later.empty() ? s.heads : later, {effective}, &costs);
  if (!later.empty()) out.effective = rate_of_effective;
  out.moved = median(costs);
  return out;
}

std::string refuse_mechanism(const ModelConfig& model, int64_t T) {
  if (static_cast<int64_t>(model.attention.absent.size()) == model.layers)
    return "no layer has attention to be selected by";
  std::vector<int64_t> viewers(T + 1, 0), own(T, 0);
  for (int64_t i = 0; i < T; ++i)
    for (const KeyRange& keys : model.attention.mask->visible(i, T).ranges()) {
      const int64_t begin = std::max<int64_t>(0, keys.begin);
      if (begin >= keys.end) continue;
      ++viewers[begin];
      --viewers[keys.end];
      own[i] += begin <= i && i < keys.end;
    }
  std::partial_sum(viewers.begin(), viewers.end(), viewers.begin());
  const int64_t most = std::ranges::max(viewers);
  int64_t shared = 0;
  for (int64_t k = 0; k < T; ++k) shared += 4 * viewers[k] > most && viewers[k] > own[k];
  return shared < 2 ? "queries have at most one key in common, so there is none to compare it with"
                    : "";
}

void refuse_shortest(int64_t tokens) {
  throw UsageError(
      "model.attention.mask.padding",
      fmt::format("before its padding, the shortest sequence of the probe batch has {} token{}, "
                  "too few to compare",
                  tokens, tokens == 1 ? "" : "s"),
      "The mechanism tests need two keys that every sequence has and many queries see.");
}

Mechanism find_mechanism(const Transformer& model, Prober& prober,
                         const WaiverThresholds& thresholds) {
  if (const std::string reason = refuse_mechanism(model.config(), prober.tokens()); !reason.empty())
    throw UsageError("model.attention", reason,
                     "The mechanism tests need two keys that many queries see.");
  Passes passes(model, prober);
  Subject s{passes, passes.natural(), thresholds};
  for (const int64_t k : passes.candidates()) {
    const Key key = Key::position(k, passes.sequences());
    // For a key that only its own query sees, nothing could be compared.
    const std::vector<HeadIndex> heads = passes.all_heads();
    if (std::ranges::any_of(heads, [&](const HeadIndex& h) {
          return std::isnan(passes.of_queries(s.natural.received, 0, h, key));
        }))
      continue;
    s.candidates.push_back(key);
    s.places.push_back(k);
  }
  if (s.candidates.size() < 2) refuse_shortest(passes.shortest());
  find_waiver(s);
  stand_aside(s);
  choose_others(s);
  Mechanism out{s.waiver.position(),
                s.waiver.name,
                role_of(s.waiver, prober.data()),
                s.queries,
                query_role_names(prober.data())[s.queries],
                s.status,
                s.heads,
                {}};
  for (const Key& other : s.others)
    out.others.push_back(s.places[std::ranges::find(s.candidates, other) - s.candidates.begin()]);
  out.received = s.received(s.natural, s.waiver);
  out.enrichment = s.enrichment(s.natural, s.waiver);
  out.value_ratio = s.value_ratio(s.natural, s.waiver);
  out.loss = s.natural.loss;
  out.follows = follow_rates(s);
  out.selected_by = selection(s, out.follows);
  for (const Hypothesis& hypothesis : hypotheses()) {
    Finding finding = hypothesis.test(s, out.follows);
    finding.id = hypothesis.id;
    if (hypothesis.needs_sink && !s.is_sink() && finding.outcome != Outcome::does_not_apply) {
      finding.outcome = Outcome::undecided;
      finding.note = "no sink";
    }
    out.findings.push_back(std::move(finding));
  }
  return out;
}

}  // namespace waiver
