// The tasks nop and broadcast: token by token as a plain NumPy version has them, and by their
// definitions.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "config_files.h"
#include "core/random.h"
#include "data/dataset.h"
#include "program.h"

namespace waiver {
namespace {

using Json = nlohmann::json;

struct Case {
  const char* data;  // the block of a config, with all its options, as JSON
  int64_t tokens = 9, sequences = 5;
  uint64_t seed = 0;
  Split split = Split::train;
  int64_t index = 0;

  Json json() const {
    return {{"data", Json::parse(data)},  {"tokens", tokens},
            {"sequences", sequences},     {"seed", seed},
            {"split", split_name(split)}, {"index", index}};
  }
  int64_t features() const { return Json::parse(data)["features"]; }
  int64_t dedicated() const {
    const Json option = Json::parse(data)["dedicated"];
    return option["kind"] == "none"     ? 0
           : option["kind"] == "random" ? option["count"].get<int64_t>()
                                        : std::ssize(option["at"]);
  }
  Config config() const {
    return parse(
        fmt::format("model: {{width: {}, context: {}, input: features, dedicated: "
                    "{{count: {}}}}}\ntrain: {{objective: regression}}\ndata: {}\n",
                    features(), tokens, dedicated(), data));
  }
};

const Case kCases[] = {
    {R"({"kind": "nop", "features": 8, "gate_seed": 0, "active": 0.5, "damping": 0.0,
         "dedicated": {"kind": "fixed", "at": [0]}})"},
    {R"({"kind": "nop", "features": 7, "gate_seed": 5, "active": 0.25, "damping": 0.3,
         "dedicated": {"kind": "none"}})",
     10, 4, 3, Split::probe},
    {R"({"kind": "nop", "features": 5, "gate_seed": 1, "active": 0.9, "damping": -1.0,
         "dedicated": {"kind": "random", "count": 1}})",
     12, 6, 12345678901, Split::train, 77},
    {R"({"kind": "nop", "features": 16, "gate_seed": 2, "active": 0.5, "damping": 0.5,
         "dedicated": {"kind": "random", "count": 3}})",
     7, 6, 1, Split::validation, 41},
    {R"({"kind": "nop", "features": 1, "gate_seed": 0, "active": 0.5, "damping": 0.0,
         "dedicated": {"kind": "fixed", "at": [3, 0]}})",
     5, 3, 8, Split::validation},
    {R"({"kind": "nop", "features": 2, "gate_seed": 0, "active": 0.0, "damping": 0.0,
         "dedicated": {"kind": "none"}})"},
    {R"({"kind": "nop", "features": 2, "gate_seed": 0, "active": 1.0, "damping": 0.0,
         "dedicated": {"kind": "none"}})"},
    {R"({"kind": "nop", "features": 300, "gate_seed": 9, "active": 0.01, "damping": 0.0,
         "dedicated": {"kind": "none"}})",
     2, 2},
    {R"({"kind": "broadcast", "features": 8, "gate_seed": 0, "dedicated": {"kind": "none"}})"},
    {R"({"kind": "broadcast", "features": 7, "gate_seed": 4, "dedicated": {"kind": "random",
         "count": 2}})",
     9, 5, 2, Split::probe},
    {R"({"kind": "broadcast", "features": 4, "gate_seed": 3, "dedicated": {"kind": "fixed",
         "at": [2]}})",
     6, 5, 7, Split::validation, 1000},
    {R"({"kind": "broadcast", "features": 33, "gate_seed": 6, "dedicated": {"kind": "none"}})", 4,
     3, 1, Split::train, 5}};

Batch batch_of(const Case& c, const Dataset& data) {
  Batch batch;
  batch.resize(c.sequences, c.tokens);
  data.batch(c.seed, c.split, c.index, batch);
  return batch;
}

/// What the NumPy version writes of one case.
struct Plain {
  std::vector<double> kinds, targets, query_roles, key_roles, features, answers;
};

// Nothing where there is no NumPy.
std::vector<Plain> plain_versions() {
  const TemporaryFolder folder;
  Json cases = Json::array();
  for (const Case& c : kCases) cases.push_back(c.json());
  put_bytes(folder / "cases.json", cases.dump());
  const std::string command =
      fmt::format("/usr/bin/python3 {}/tests/tasks.py {} {}", WAIVER_SOURCE_DIR,
                  (folder / "cases.json").string(), (folder / "out").string());
  const int status = WEXITSTATUS(std::system(command.c_str()));
  if (status == 77 || status == 127) return {};
  REQUIRE(status == 0);
  const std::string bytes = file_text(folder / "out");
  std::vector<double> all(bytes.size() / sizeof(double));
  std::memcpy(all.data(), bytes.data(), bytes.size());
  std::vector<Plain> out;
  auto at = all.begin();
  for (const Case& c : kCases) {
    const int64_t n = c.sequences * c.tokens;
    const auto next = [&](int64_t size) {
      REQUIRE(all.end() - at >= size);
      at += size;
      return std::vector<double>(at - size, at);
    };
    out.push_back(
        {next(n), next(n), next(n), next(n), next(n * c.features()), next(n * c.features())});
  }
  CHECK(at == all.end());
  return out;
}

double largest_difference(const std::vector<float>& x, const std::vector<double>& y) {
  REQUIRE(x.size() == y.size());
  double worst = 0;
  for (size_t i = 0; i < y.size(); ++i)
    worst = std::max(worst, std::abs(x[i] - y[i]) / std::max(1.0, std::abs(y[i])));
  return worst;
}

}  // namespace

TEST_CASE("nop and broadcast are those of a plain NumPy version, token by token") {
  const std::vector<Plain> plain = plain_versions();
  if (plain.empty()) {
    MESSAGE("skipped: /usr/bin/python3 with NumPy is not installed");
    return;
  }
  for (size_t i = 0; i < plain.size(); ++i) {
    const Case& c = kCases[i];
    CAPTURE(c.data);
    const auto data = open_data(c.config());
    const Batch batch = batch_of(c, *data);
    const auto same = [](const auto& found, const std::vector<double>& expected) {
      return std::equal(found.begin(), found.end(), expected.begin(), expected.end());
    };
    CHECK(same(batch.inputs, plain[i].kinds));
    CHECK(same(batch.targets, plain[i].targets));
    std::vector<int64_t> queries, keys;
    for (int64_t n = 0; n < c.sequences * c.tokens; ++n) {
      const int32_t* sequence = &batch.inputs[n / c.tokens * c.tokens];
      queries.push_back(data->query_role(sequence, n % c.tokens));
      keys.push_back(data->key_role(sequence, n % c.tokens));
    }
    CHECK(same(queries, plain[i].query_roles));
    CHECK(same(keys, plain[i].key_roles));
    CHECK(std::ranges::max(queries) < std::ssize(data->query_roles()));
    CHECK(std::ranges::max(keys) < std::ssize(data->key_roles()));
    // Each number is rounded once, from a logarithm and a cosine exact to 1e-13: half a unit of the
    // last place. Of broadcast's answers the rotation is rounded too, and F products are added.
    CHECK(largest_difference(batch.features, plain[i].features) <= 0x1.0p-23);
    CHECK(largest_difference(batch.answers, plain[i].answers) <=
          (Json::parse(c.data)["kind"] == "nop" ? 0x1.0p-23 : 1e-6));
  }
}

}  // namespace waiver
