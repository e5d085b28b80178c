#pragma once

#include <fmt/format.h>

#include "config/config.h"
#include "config/reader.h"
#include "config_files.h"
#include "study/measures/series_choice.h"

// Measures as a study has them, and the config of hand_log.h.

namespace waiver {

// A measure written as in a study.
inline Kind<Measure> measure(const std::string& yaml) {
  const Node item = parse_yaml("measure: " + yaml + "\n", "m.yaml");
  Kind<Measure> kind("value");
  const auto visit = [&](FieldVisitor& v) { v.field({"measure", ""}, kind); };
  Complaints complaints;
  read_fields(item, visit, collect_keys(visit), complaints);
  complaints.throw_if_any();
  return kind;
}

// Two layers of two heads, four tokens, probes at 0, 10, … 60, as in hand_log.h.
inline Config hand_config() {
  return parse("model: {layers: 2, heads: 2, width: 8, context: 4}\ntrain: {steps: 60}\n");
}

// What a measure complains of, a line each: `key: what. hint`.
inline std::string complaints_of(const std::string& yaml, const Config& config = hand_config()) {
  std::string text;
  measure(yaml)->check(
      config, [&](const std::string& key, const std::string& what, const std::string& hint) {
        text += fmt::format("{}{}: {}.{}{}", text.empty() ? "" : "\n", key, what,
                            hint.empty() ? "" : " ", hint);
      });
  return text;
}

inline const std::string kEnrichment = "series: probe/enrichment, at: {layer: 0, head: 0, key: 2}";

}  // namespace waiver
