#include "run/story/story_json.h"

#include <cmath>

#include "run/story/story.h"

namespace waiver {
namespace {

Json step_or_null(int64_t step) { return step >= 0 ? Json(step) : Json(); }

Json numbers_json(const std::vector<double>& numbers) {
  auto out = Json::array();
  for (const double x : numbers) out.push_back(json_number(x));
  return out;
}

Verdict verdict_at_end(const Story& s) {
  const float enrichment =
      s.enrichment.empty() ? INFINITY : static_cast<float>(s.enrichment.back());
  return classify(s.thresholds, static_cast<float>(s.attention.back()), enrichment,
                  static_cast<float>(s.value_ratio.back()));
}

void add_story(Json& out, const Story& s) {
  out["emerged"] = s.when.emerged();
  out["onset"] = step_or_null(s.when.onset);
  out["since"] = step_or_null(s.when.since);
  out["last"] = step_or_null(s.when.last);
  out["attention_rose"] = step_or_null(s.attention_rose());
  out["value_drained"] = step_or_null(s.value_drained());
  out["layer"] = s.at.layer;
  out["head"] = s.at.head;
  out["key"] = step_or_null(s.at.key);
  out["role"] = s.at.role >= 0 ? Json(s.at.role_name) : Json();
  out["added"] = step_or_null(s.at.added);
  out["token"] = s.token.empty() ? Json() : Json(s.token);
  out["verdict"] = verdict_text(verdict_at_end(s));
  out["thresholds"] = {{"received_attention", json_number(s.thresholds.received_attention)},
                       {"enrichment", json_number(s.thresholds.enrichment)},
                       {"value_ratio", json_number(s.thresholds.value_ratio)}};
  out["steps"] = s.steps;
  out["received_attention"] = numbers_json(s.attention);
  out["enrichment"] = s.enrichment.empty() ? Json() : numbers_json(s.enrichment);
  out["value_ratio"] = numbers_json(s.value_ratio);
}

}  // namespace

Json story_json(const Log& log, const Config& config, const std::optional<Selection>& selection) {
  const auto story = story_of(log, config.probe);
  Json out = {
      {"sentence", story ? sentence_of(*story) : sentence_without_story(log, config.probe)}};
  if (story) add_story(out, *story);
  out["selected_by"] = selection ? Json(selected_by_text(*selection)) : Json();
  if (selection)
    out["selection"] = {{"step", selection->step},
                        {"key", selection->key},
                        {"encoding", json_number(selection->encoding)},
                        {"content", json_number(selection->content)},
                        {"both", json_number(selection->both)}};
  const std::vector<int64_t> steps = log.steps("train");
  out["logged_step"] = steps.empty() ? Json() : Json(steps.back());
  out["seconds"] = json_number(logged_seconds(log));
  return out;
}

}  // namespace waiver
