#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "run/log_file.h"

// Logs of /probe written by hand.

namespace waiver {

inline constexpr int64_t L = 2, H = 2, T = 4, A = 2,
                         N = 7;  // layers, heads, tokens, added keys, probes at 0, 10, … 60
inline const std::vector<double> kFlat(N, 0.1);

// Sets the values of a series at one place for the seven probes; everything else is 1, α is 0.
// Where weights are not shares, this applies to the proxies, and the weights' own α is .9
// everywhere.
class HandLog {
 public:
  using Curve = std::vector<double>;
  int64_t probes = N;  // fewer: as far as the run has come
  void alpha(int64_t layer, int64_t head, int64_t key, const Curve& c) {
    put(proxy + "received_attention", (layer * H + head) * T + key, c);
  }
  void enrichment(int64_t layer, int64_t head, int64_t key, const Curve& c) {
    put(proxy + "enrichment", (layer * H + head) * T + key, c);
  }
  void value(int64_t layer, int64_t head, int64_t key, const Curve& c) {
    put("value_ratio", (layer * H + head) * T + key, c);
  }
  void residual(int64_t layer, int64_t key, const Curve& c) {
    put("residual_ratio", layer * T + key, c);
  }
  // Of an added key; a log of which none is set has none.
  void added(int64_t layer, int64_t head, int64_t key, const Curve& alpha, const Curve& ratio) {
    has_added = true;
    put("added_attention", (layer * H + head) * A + key, alpha);
    put("added_value_ratio", (layer * H + head) * A + key, ratio);
  }
  // Of the tokens of the role `mark`; a log of which none is set has no roles.
  void role(int64_t layer, int64_t head, const Curve& alpha, const Curve& enriched,
            const Curve& ratio) {
    has_roles = true;
    const int64_t at = (layer * H + head) * kRoles + kRoles - 1;
    put("role_received_attention", at, alpha);
    put("role_enrichment", at, enriched);
    put("role_value_ratio", at, ratio);
  }
  // The tokens that all sequences have.
  void tokens(std::vector<std::string> names) { position_names = std::move(names); }
  void risk(const Curve& c) {
    has_risk = true;
    put("backcopy_risk", 0, c);
  }
  // From now on, α and E set are those of the proxy.
  void no_shares() { proxy = "proxy_"; }
  // The share of the queries that see each key of a layer; initially all of them.
  void see(int64_t layer, const std::vector<float>& shares) {
    std::ranges::copy(shares, visibility.begin() + layer * T);
  }

  Log make(const std::filesystem::path& path) const {
    Log log = Log::create(path,
                          {{"layer", L},
                           {"head", H},
                           {"position", T},
                           {"query", T},
                           {"key", T},
                           {"event", 5},
                           {"query_role", 1},
                           {"key_role", kRoles},
                           {"added", has_added ? A : 0}},
                          "seed: {init: 0}\n");
    Log::Row row;
    std::map<std::string, std::vector<float>> numbers;
    for (const auto& [name, axes] : series()) {
      log.define({"probe", name, axes, "1", name, ""});
      numbers[name].assign(size(axes), start(name));
      row.emplace_back(name, std::span<const float>(numbers[name]));
    }
    log.set({"probe", "key_visibility", {"layer", "key"}, "1", "", ""},
            std::span<const float>(visibility));
    const std::vector<std::string> roles = {"first", "other", "mark"};
    if (has_roles)
      log.set({"roles", "key_role_name", {"key_role"}, "1", "", ""},
              std::span<const std::string>(roles));
    if (!position_names.empty())
      log.set({"probe", "position_name", {"position"}, "1", "", ""},
              std::span<const std::string>(position_names));
    for (int64_t i = 0; i < probes; ++i) {
      for (const auto& [at, curve] : curves)
        numbers[at.first][at.second] = static_cast<float>(curve[i]);
      log.append("probe", 10 * i, row);
    }
    return log;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> series() const {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    std::vector<std::pair<std::string, std::vector<std::string>>> all = {
        {"received_attention", per_key},
        {"enrichment", per_key},
        {"value_ratio", per_key},
        {"residual_ratio", {"layer", "position"}},
        {"bos_attention", {"layer", "head"}}};
    if (has_risk) all.push_back({"backcopy_risk", {}});
    if (has_added)
      for (const char* name : {"added_attention", "added_value_ratio"})
        all.push_back({name, {"layer", "head", "added"}});
    if (has_roles) {
      for (const char* name : {"role_received_attention", "role_enrichment"})
        all.push_back({name, {"layer", "head", "query_role", "key_role"}});
      all.push_back({"role_value_ratio", {"layer", "head", "key_role"}});
    }
    if (!proxy.empty())
      for (const char* name : {"received_attention", "enrichment"})
        all.push_back({proxy + name, per_key});
    return all;
  }
  float start(const std::string& name) const {
    if (name == proxy + "received_attention" || name == "added_attention" ||
        name == "role_received_attention")
      return 0;
    return name == "received_attention" ? 0.9f : 1.0f;
  }
  static size_t size(const std::vector<std::string>& axes) {
    size_t out = 1;
    for (const std::string& axis : axes)
      out *= axis == "layer"        ? L
             : axis == "head"       ? H
             : axis == "added"      ? A
             : axis == "query_role" ? 1
             : axis == "key_role"   ? kRoles
                                    : T;
    return out;
  }
  void put(const std::string& name, int64_t index, const Curve& c) { curves[{name, index}] = c; }

  static constexpr int64_t kRoles = 3;  // the first two are no places of their own
  bool has_risk = false, has_added = false, has_roles = false;
  std::vector<std::string> position_names;
  std::string proxy;
  std::vector<float> visibility = std::vector<float>(L * T, 1.0f);
  std::map<std::pair<std::string, int64_t>, Curve> curves;
};

inline std::vector<double> rises_at(int64_t probe, double to) {
  std::vector<double> out(N, 0.0);
  for (int64_t i = probe; i < N; ++i) out[i] = to;
  return out;
}
inline std::vector<double> falls_at(int64_t probe, double to) {
  std::vector<double> out(N, 1.0);
  for (int64_t i = probe; i < N; ++i) out[i] = to;
  return out;
}

// Head 1.0 sends its attention to `key`: risk 10, enrichment 20, sink 30, value 40.
inline HandLog emerging(int64_t key, int64_t value_probe = 4, bool shares = true) {
  HandLog log;
  if (!shares) log.no_shares();
  log.risk({3, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5});
  log.enrichment(1, 0, key, rises_at(2, 4));
  log.alpha(1, 0, key, rises_at(3, 0.8));
  log.value(1, 0, key, falls_at(value_probe, 0.25));
  return log;
}

}  // namespace waiver
