#include "inspect/published/rope.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

namespace waiver {
namespace {

using Keys = std::array<std::pair<const char*, const char*>, 3>;  // theirs, ours
constexpr Keys kLlama3 = {{{"factor", "factor"},
                           {"low_freq_factor", "low_freq_factor"},
                           {"high_freq_factor", "high_freq_factor"}}};

// transformers' get_mscale: what longer texts ask of the scores (2309.00071, §3.4).
double yarn_scale(double factor, double by) {
  return factor <= 1 ? 1.0 : 0.1 * by * std::log(factor) + 1.0;
}

// transformers gives the key outside the rules precedence over the one within.
int64_t original_context(const HubConfig& config, const HubConfig& rules, int64_t context) {
  constexpr const char* key = "original_max_position_embeddings";
  return config.count(key, rules.count(key, context));
}

Json read_yarn(const HubConfig& config, const HubConfig& rules, int64_t context) {
  const double factor = rules.number("factor");
  double attention = 0;  // by default
  if (rules.has("attention_factor")) {
    attention = rules.number("attention_factor");
    if (attention <= 0) rules.refuse("attention_factor", "it must be above 0");
  } else if (rules.number("mscale", 0) != 0 && rules.number("mscale_all_dim", 0) != 0)
    attention = yarn_scale(factor, rules.number("mscale")) /
                yarn_scale(factor, rules.number("mscale_all_dim"));
  return {{"kind", "yarn"},
          {"factor", factor},
          {"original_context", original_context(config, rules, context)},
          {"beta_fast", rules.number("beta_fast", 32)},
          {"beta_slow", rules.number("beta_slow", 1)},
          {"attention_factor", attention},
          {"truncate", rules.flag("truncate", true)}};
}

Json read_llama3(const HubConfig& config, const HubConfig& rules, int64_t context) {
  Json out = {{"kind", "llama3"}, {"original_context", original_context(config, rules, context)}};
  for (const auto& [theirs, ours] : kLlama3) out[ours] = rules.number(theirs);
  return out;
}

// The share of a head's channels that are rotated: theirs is cut to a whole number of channels. In
// families that rotate whole heads, transformers heeds a share under some rules and not under
// others.
double read_fraction(const HubConfig& rules, const HubConfig& config, const RopeKeys& keys,
                     int64_t head_width) {
  constexpr const char* within = "partial_rotary_factor";
  if (keys.fraction.empty()) {
    for (const HubConfig& where : {rules, config})
      if (where.number(within, 1) != 1)
        where.refuse(within, "this family rotates whole heads", "Write 1, or leave it out.");
    return 1;
  }
  const double share = rules.number(within, config.number(keys.fraction, keys.missing_fraction));
  return std::floor(share * static_cast<double>(head_width)) / static_cast<double>(head_width);
}

}  // namespace

Json read_rope(const HubConfig& config, const RopeKeys& keys, int64_t head_width, int64_t context) {
  const HubConfig older = config.block("rope_scaling");
  const HubConfig rules = older.empty() ? config.block("rope_parameters") : older;
  Json out = {{"kind", "rope"},
              {"base", rules.number("rope_theta", config.number(keys.base, 10000))},
              {"fraction", read_fraction(rules, config, keys, head_width)}};
  const std::string kind = rules.word("rope_type", rules.word("type", "default"));
  if (kind == "linear")
    out["interpolation"] = rules.number("factor");
  else if (kind == "llama3")
    out["scaling"] = read_llama3(config, rules, context);
  else if (kind == "yarn")
    out["scaling"] = read_yarn(config, rules, context);
  else if (kind != "default")
    rules.refuse(rules.has("rope_type") ? "rope_type" : "type",
                 fmt::format("'{}' is not a rule of scaling that Waiver has", kind),
                 "It has default, linear, llama3 and yarn.");
  return out;
}

void write_rope(const FieldTexts::Texts& model, const RopeKeys& keys, Json& config) {
  const auto at = [&](const std::string& key) { return parse_json(model.at("position." + key)); };
  config[keys.base] = at("base");
  if (!keys.fraction.empty()) config[keys.fraction] = at("fraction");
  const std::string kind = model.at("position.scaling");
  if (kind == "none") {
    if (at("interpolation") != 1)
      config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", at("interpolation")}};
    return;
  }
  Json rules = {{"rope_type", kind},
                {"original_max_position_embeddings", at("scaling.original_context")}};
  if (kind == "llama3")
    for (const auto& [theirs, ours] : kLlama3) rules[theirs] = at(std::string("scaling.") + ours);
  if (kind == "yarn") {
    for (const char* key : {"factor", "beta_fast", "beta_slow", "truncate"})
      rules[key] = at(std::string("scaling.") + key);
    if (at("scaling.attention_factor") != 0)
      rules["attention_factor"] = at("scaling.attention_factor");
  }
  config["rope_scaling"] = rules;
}

}  // namespace waiver
