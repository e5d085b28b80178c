#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "core/files/safetensors.h"
#include "inspect/published/import.h"
#include "temporary.h"

// Published models against what transformers computes from them: tests/published/fixtures, and any
// folders of that form that WAIVER_PUBLISHED names, separated by colons.

namespace fs = std::filesystem;

namespace waiver {
namespace {

// Largest difference ÷ largest number. Both sides work in float32, in other orders (worst found:
// XX).
constexpr double kTolerance = 1e-4;

std::vector<fs::path> folders() {
  std::vector<fs::path> out;
  const auto add = [&](const fs::path& folder) {
    if (fs::exists(folder / "expected.safetensors")) out.push_back(folder);
    for (const auto& entry : fs::directory_iterator(folder))
      if (fs::exists(entry.path() / "expected.safetensors")) out.push_back(entry.path());
  };
  add(fs::path(WAIVER_SOURCE_DIR) / "tests/published/fixtures");
  const char* more = std::getenv("WAIVER_PUBLISHED");
  for (std::string rest = more ? more : ""; !rest.empty();) {
    const size_t end = std::min(rest.find(':'), rest.size());
    add(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  std::ranges::sort(out);
  return out;
}

/// What transformers computed.
struct Expected {
  explicit Expected(const fs::path& folder)
      : file(Safetensors::open(folder / "expected.safetensors")) {}

  bool has(const char* name) const { return file.find(name); }
  std::vector<float> numbers(const char* name) const { return file.read(*file.find(name)); }
  std::vector<int32_t> ids(const char* name) const {
    std::vector<int32_t> out;
    if (has(name))
      for (const float x : numbers(name)) out.push_back(static_cast<int32_t>(x));
    return out;
  }
  const Shape& shape() const { return file.find("tokens")->shape; }

  Safetensors file;
};

double worst_difference(const fs::path& folder) {
  const Expected expected(folder);
  const ImportedModel imported = import_published(HubFolder::open(folder), {.mask_token = 4});
  const std::vector<int32_t> tokens = expected.ids("tokens"), types = expected.ids("token_types");
  Arena arena;
  Tape tape(arena, false);
  Input input{tokens, expected.shape()[0], expected.shape()[1]};
  input.types = types;
  const Tensor found = imported.model->forward(tape, input).value;
  const std::vector<float> truth = expected.numbers(expected.has("logits") ? "logits" : "hidden"),
                           seen = expected.has("attention_mask")
                                      ? expected.numbers("attention_mask")
                                      : std::vector<float>(tokens.size(), 1.0f);
  REQUIRE(found.size() == std::ssize(truth));
  double worst = 0, largest = 0;
  const int64_t V = found.dim(1);
  for (int64_t i = 0; i < found.size(); ++i) {
    if (seen[i / V] == 0) continue;
    worst = std::max(worst, std::abs(double{found.data[i]} - truth[i]));
    largest = std::max(largest, std::abs(double{truth[i]}));
  }
  return worst / largest;
}

TEST_CASE("published models compute what transformers computes") {
  for (const fs::path& folder : folders()) {
    INFO(folder);
    double off = 1;
    try {
      off = worst_difference(folder);
    } catch (const UsageError& refused) {
      MESSAGE(refused.what());
      continue;
    }
    MESSAGE(folder.filename(), " ", off);
    CHECK(off < kTolerance);
  }
}

}  // namespace
}  // namespace waiver
