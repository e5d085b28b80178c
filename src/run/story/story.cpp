#include "run/story/story.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/text/printable.h"
#include "probe/events/onset.h"
#include "run/events.h"

namespace waiver {
namespace {

constexpr char kTokens[] = "position_name";

std::vector<WaiverPlace> all_places(const Log& log, const ProbeValues& probe) {
  const int64_t L = log.axes().at("layer"), H = log.axes().at("head"), T = log.axes().at("key");
  const std::vector<double> seen = log.read("probe", "key_visibility").values;
  const std::vector<std::string> roles =
      probe.has("role_received_attention") && log.has("roles", "key_role_name")
          ? log.strings("roles", "key_role_name")
          : std::vector<std::string>();
  const int64_t added = probe.has("added_attention") ? log.axes().at("added") : 0;
  std::vector<WaiverPlace> places;
  for (int64_t l = 0; l < L; ++l)
    for (int64_t h = 0; h < H; ++h) {
      for (const int64_t k : candidate_keys(std::span(seen).subspan(l * T, T)))
        places.push_back({l, h, k});
      for (int64_t r = 0; r < std::ssize(roles); ++r)
        if (roles[r] != "first" && roles[r] != "other")
          places.push_back({l, h, -1, 0, r, roles[r]});
      for (int64_t a = 0; a < added; ++a) {
        places.push_back({l, h, -1});
        places.back().added = a;
      }
    }
  return places;
}

// A role that stands at one position has that position's attention, up to rounding.
bool is_stronger(const WaiverPlace& a, const WaiverPlace& b) {
  return a.attention > b.attention * (1 + 1e-5);
}

bool tells_more(const Story& a, const Story& b) {
  if (a.has_waiver() && tells_more(a.when, b.when)) return true;
  if (b.has_waiver() && tells_more(b.when, a.when)) return false;
  return is_stronger(a.at, b.at);
}

// The story of one place; without E and r_V where its α alone decides.
Story story_at(const WaiverPlace& place, ProbeValues& probe, const std::vector<int64_t>& steps,
               const WaiverThresholds& thresholds) {
  Story story{place, {}, {}, thresholds, steps, probe.at("received_attention", place), {}, {}};
  story.at.attention = story.attention.back();
  const auto rises = [&](double alpha) { return alpha > thresholds.received_attention; };
  if (std::ranges::none_of(story.attention, rises)) return story;
  if (place.added < 0) story.enrichment = probe.at("enrichment", place);
  story.value_ratio = probe.at("value_ratio", place);
  story.when =
      find_emergence(steps, story.attention, story.enrichment, story.value_ratio, thresholds);
  return story;
}

std::string steps_text(int64_t count) {
  return fmt::format("{} step{}", count, count == 1 ? "" : "s");
}

// When the value drained after attention rose; empty where either did not, for good.
std::string lag_text(const Story& s) {
  const int64_t rose = s.attention_rose(), drained = s.value_drained();
  if (rose < 0 || drained < 0) return "";
  if (drained == s.steps.front()) return "; the value was small from the first probe on";
  if (drained == rose) return "; the value drained as attention rose";
  return fmt::format("; the value drained {} {} attention rose",
                     steps_text(std::abs(drained - rose)), drained > rose ? "after" : "before");
}

std::string beginning_of(const Story& s) {
  if (s.when.onset == s.steps.front())
    return fmt::format("A waiver element was there at the first probe, step {},", s.when.onset);
  if (s.when.emerged()) return fmt::format("A waiver element emerged at step {}", s.when.onset);
  return fmt::format(
      "A waiver element since step {}, the last {},", s.when.since,
      s.when.lasting == 1 ? "probe only" : fmt::format("{} probes only", s.when.lasting));
}

std::string ending_of(const Emergence& when) {
  if (!when.emerged())
    return fmt::format(" Only {} probes in a row count as emerged.", kPersistence);
  if (!when.lasts())
    return fmt::format(" It did not last: the last probe at which it was one is that of step {}.",
                       when.last);
  if (when.since != when.onset)
    return fmt::format(" For a while it was none; since step {} it is one again.", when.since);
  return "";
}

// Why a key with enough attention at the end is no waiver element.
std::string shortcoming(const Story& s) {
  if (!(s.attention.back() > s.thresholds.received_attention)) return "";
  std::vector<std::string> lacks;
  if (!s.enrichment.empty() && !(s.enrichment.back() > s.thresholds.enrichment))
    lacks.push_back(fmt::format("its enrichment, {}, is not above {}",
                                short_number(s.enrichment.back()),
                                short_number(s.thresholds.enrichment)));
  if (!(s.value_ratio.back() < s.thresholds.value_ratio))
    lacks.push_back(fmt::format("its value ratio, {}, is not below {}",
                                short_number(s.value_ratio.back()),
                                short_number(s.thresholds.value_ratio)));
  return fmt::format(", but {}", fmt::join(lacks, " and "));
}

}  // namespace

std::string short_number(double x) {
  if (std::isnan(x)) return "undefined";
  std::string text = fmt::format("{:.2f}", x);
  if (text.starts_with("0.")) return text.substr(1);
  return fmt::format("{:.1f}", x);
}

int64_t Story::attention_rose() const {
  if (enrichment.empty()) return find_onset(steps, attention, thresholds.received_attention).step;
  return find_onset(steps, enrichment, thresholds.enrichment).step;
}

int64_t Story::value_drained() const {
  return find_onset(steps, value_ratio, thresholds.value_ratio, Side::below).step;
}

std::string Story::key_text() const {
  if (at.role >= 0) return fmt::format("tokens of the role `{}`", printable(at.role_name));
  if (at.added >= 0 || token.empty())
    return at.added >= 0 ? at.key_name() : "position " + at.key_name();
  constexpr size_t kLongest = 24;
  return fmt::format("position {} (`{}`)", at.key, printable(token, kLongest));
}

std::optional<Story> story_of(const Log& log, const ProbeConfig& config) {
  ProbeValues probe(log);
  return story_of(log, config, probe);
}

std::optional<Story> story_of(const Log& log, const ProbeConfig& config, ProbeValues& probe) {
  const std::vector<int64_t> steps = log.steps("probe");
  if (steps.empty()) return {};
  std::optional<Story> best;
  for (const WaiverPlace& place : all_places(log, probe)) {
    Story story = story_at(place, probe, steps, config.waiver);
    if (std::isnan(story.at.attention) && !story.has_waiver()) continue;
    if (!best || tells_more(story, *best)) best = std::move(story);
  }
  if (!best) return {};
  if (best->at.added < 0) best->enrichment = probe.at("enrichment", best->at);
  best->value_ratio = probe.at("value_ratio", best->at);
  if (best->at.key >= 0 && log.has("probe", kTokens))
    best->token = log.strings("probe", kTokens).at(static_cast<size_t>(best->at.key));
  return best;
}

std::string sentence_of(const Story& s) {
  if (!s.has_waiver())
    return fmt::format("No waiver element: the strongest head gives {} {} of its attention{}.",
                       s.at.role >= 0  ? s.key_text()
                       : s.at.key >= 0 ? "position " + s.at.key_name()
                                       : s.at.key_name(),
                       short_number(s.attention.back()), shortcoming(s));
  if (s.steps.size() == 1)
    return fmt::format(
        "At step {} there is a waiver element in layer {}, head {}, at {}: attention {}, value "
        "ratio {}.",
        s.steps.front(), s.at.layer, s.at.head, s.key_text(), short_number(s.attention.front()),
        short_number(s.value_ratio.front()));
  return fmt::format("{} in layer {}, head {}, at {}: attention {} → {}, value ratio {} → {}{}.{}",
                     beginning_of(s), s.at.layer, s.at.head, s.key_text(),
                     short_number(s.attention.front()), short_number(s.attention.back()),
                     short_number(s.value_ratio.front()), short_number(s.value_ratio.back()),
                     s.when.emerged() ? lag_text(s) : "", ending_of(s.when));
}

std::string sentence_without_story(const Log& log, const ProbeConfig& config) {
  if (config.every == 0)
    return "This run has no probes (probe.every: 0), so its log tells nothing of waiver elements.";
  if (log.steps("probe").empty()) return "The log has no probe yet.";
  return "No waiver element: in this model no query attends to another token.";
}

// Each process counts from its first logged step to its last.
double logged_seconds(const Log& log) {
  double sum = 0, before = 0;
  if (log.steps("timing").empty()) return 0;
  for (const double now : log.read("timing", "seconds").values) {
    if (now < before) sum += before;
    before = now;
  }
  return sum + before;
}

}  // namespace waiver
