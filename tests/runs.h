#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <map>

#include "core/files/safetensors.h"
#include "program.h"
#include "run/log_file.h"
#include "temporary.h"

// Runs of a small model by the program itself, and what they left behind.

namespace waiver {

inline const std::string kConfig = R"(
model: {layers: 2, heads: 2, width: 16, context: 70, mlp: {width: 24}, dropout: {residual: 0.1, embedding: 0.1}}
data: {kind: bigram_backcopy}
train:
  steps: 60
  batch: 6
  accumulate: 2
  clip: 1.0
  log_every: 5
  schedule: {kind: cosine, warmup: 5, final: 0.1}
  eval: {every: 20, batches: 2}
  checkpoint: {every: 10, keep: 3}
probe: {every: 10, first: [0, 1, 3], snapshots: [0, 30], batch: 3}
)";

class Runs {
 public:
  Runs() { std::ofstream(config()) << kConfig; }
  std::string config() const { return (folder_.path() / "tiny.yaml").string(); }
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  std::vector<std::string> command(const std::string& name,
                                   std::vector<std::string> more = {}) const {
    std::vector<std::string> out = {"train", config(), "--out", at(name).string()};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  Ended train(const std::string& name, std::vector<std::string> more = {}) const {
    return run_program(command(name, std::move(more)));
  }

 private:
  TemporaryFolder folder_;
};

inline void refuses(const Ended& ended, const std::string& text) {
  INFO(ended.output);
  CHECK(ended.status == 2);
  CHECK(contains(ended.output, text));
}

// The numbers of every weight at the last step, by name.
inline std::map<std::string, std::vector<float>> weights(const std::filesystem::path& run,
                                                         int64_t step = 60) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08ld", static_cast<long>(step));
  const Safetensors file = Safetensors::open(run / "checkpoints" / name / "model.safetensors");
  std::map<std::string, std::vector<float>> out;
  for (const Safetensors::Entry& entry : file.entries()) {
    out[entry.name].resize(entry.shape.size());
    file.copy(entry, out[entry.name].data());
  }
  return out;
}

// The bits of every number of a log outside /timing, by group and name; steps too.
inline std::map<std::string, std::vector<uint64_t>> logged(const std::filesystem::path& run) {
  const Log log = Log::open(run / "log.h5");
  std::map<std::string, std::vector<uint64_t>> out;
  for (const std::string& group : log.groups()) {
    if (group == "timing") continue;
    for (const int64_t step : log.steps(group))
      out[group + "/step"].push_back(static_cast<uint64_t>(step));
    for (const std::string& name : log.names(group))
      if (name != "tokens" && !name.ends_with("_name"))
        for (const double value : log.read(group, name).values)
          out[group + "/" + name].push_back(std::bit_cast<uint64_t>(value));
  }
  return out;
}

inline void check_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  CHECK(weights(a) == weights(b));
  const auto first = logged(a), second = logged(b);
  REQUIRE(first.size() == second.size());
  for (const auto& [name, values] : first) {
    CAPTURE(name);
    CHECK(values == second.at(name));
  }
}

/// Trains with `changes` on one thread and on two, then once more from step 40: all results are the
/// same.
inline void check_promises(const Runs& runs, const std::vector<std::string>& changes) {
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), changes.begin(), changes.end());
    return more;
  };
  REQUIRE(runs.train("one", with({"--threads", "1"})).status == 0);
  REQUIRE(runs.train("two", with({"--threads", "2"})).status == 0);
  check_same(runs.at("one"), runs.at("two"));
  for (const char* step : {"step-00000050", "step-00000060"})
    std::filesystem::remove_all(runs.at("two") / "checkpoints" / step);
  const Ended resumed = runs.train("two", with({"--resume"}));
  CHECK(resumed.output.find("Resuming at step 40.") != std::string::npos);
  check_same(runs.at("one"), runs.at("two"));
}

}  // namespace waiver
