#include "experiment/summary.h"

#include <doctest/doctest.h>

#include "temporary.h"

using namespace waiver;

namespace {

constexpr int64_t T = 8;

// One head that pays key 0 half of its attention and the last key more, under a mask that shows
// key k to queries[k] queries.
Log log_of(const TemporaryFolder& folder, const std::vector<int64_t>& queries) {
  Log log = Log::create(folder.path() / "log.h5",
                        {{"layer", 1}, {"head", 1}, {"position", T}, {"query", T}, {"key", T}}, "");
  const std::vector<std::string> per_key = {"layer", "head", "key"};
  std::vector<float> alpha(T, 0.01f), ones(T, 1.0f);
  alpha[0] = 0.5f;
  alpha[T - 1] = 0.75f;
  log.define({"probe", "bos_attention", {"layer", "head"}, "1", "", ""});
  for (const char* name : {"received_attention", "enrichment", "value_ratio"})
    log.define({"probe", name, per_key, "1", "", ""});
  log.define({"probe", "residual_ratio", {"layer", "position"}, "1", "", ""});
  log.set({"probe", "queries", {"layer", "key"}, "1", "", ""}, std::span<const int64_t>(queries));
  const auto all = [](const std::vector<float>& x) { return Log::Numbers(std::span(x)); };
  log.append("probe", 0,
             {{"bos_attention", std::span<const float>(alpha.data(), 1)},
              {"received_attention", all(alpha)},
              {"enrichment", all(ones)},
              {"value_ratio", all(ones)},
              {"residual_ratio", all(ones)}});
  return log;
}

std::string named(const std::vector<int64_t>& queries) {
  const TemporaryFolder folder;
  Log log = log_of(folder, queries);
  write_summary(log, 0.3);
  const double key = log.read("summary", "waiver_key").values[0];
  const std::string text = strongest_waiver(log);
  CHECK(text.find(" at " + std::to_string(static_cast<int>(key)) + ":") != std::string::npos);
  return text;
}

}  // namespace

TEST_CASE("the strongest waiver is sought among the keys that have enough queries") {
  // Causal: the last key has one query, itself.
  CHECK(named({8, 7, 6, 5, 4, 3, 2, 1}) == "waiver 0.0 at 0: 0.50");
  // Bidirectional: the last token has as many as the first.
  CHECK(named({8, 8, 8, 8, 8, 8, 8, 8}) == "waiver 0.0 at 7: 0.75");
  // A window of 2: no key has many queries, and the last but half as many as the others.
  CHECK(named({2, 2, 2, 2, 2, 2, 2, 1}) == "waiver 0.0 at 7: 0.75");
  CHECK(named({8, 8, 8, 8, 8, 8, 8, 2}) == "waiver 0.0 at 0: 0.50");
}
