#include "model/points.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "model/transformer.h"
#include "probe/edits/edits.h"

// The table of named points, held against what a forward pass shows and lets be edited.

namespace waiver {
namespace {

constexpr int64_t T = 7, B = 3, V = 11, R = 2, H = 2, D = 8, C = 12;

// With all that a point may be of.
ModelConfig config_of(int64_t sinks) {
  ModelConfig config;
  config.layers = 2;
  config.heads = H;
  config.kv_heads = 1;
  config.head_width = D;
  config.width = C;
  config.context = T;
  config.mlp.width = 24;
  config.sink_tokens = sinks;
  config.attention.slot.set("key_value");
  return config;
}

// `[B·S, 3HD]`, in numbers.
std::vector<int64_t> extents(std::string_view shape, int64_t sinks) {
  const std::map<char, int64_t> letters = {{'B', B}, {'T', T}, {'S', sinks + T}, {'H', H},
                                           {'D', D}, {'C', C}, {'V', V}};
  std::vector<int64_t> out = {1};
  for (const char c : shape) {
    if (c == ',') out.push_back(1);
    if (c >= '0' && c <= '9') out.back() *= c - '0';
    if (const auto letter = letters.find(c); letter != letters.end()) out.back() *= letter->second;
  }
  return out;
}

std::vector<int64_t> extents(const Shape& shape) {
  std::vector<int64_t> out;
  for (int i = 0; i < shape.rank; ++i) out.push_back(shape[i]);
  return out;
}

using Seen = std::vector<std::pair<std::string, std::vector<int64_t>>>;

struct Shown : Capture {
  bool wants(int64_t, Point) const override { return true; }
  void take(int64_t layer, Point point, const Tensor& t) override {
    seen.emplace_back(point_name(layer, point), extents(t.shape));
  }
  Seen seen;
};

struct Edited : Intervention {
  bool edits(int64_t, Point) const override { return true; }
  void edit(int64_t layer, Point point, const Tensor& t) override {
    seen.emplace_back(point_name(layer, point), extents(t.shape));
  }
  Seen seen;
};

// What the table says of such a model.
Seen expected(const ModelConfig& config, bool PointInfo::*which) {
  Seen out;
  for (const PlacedPoint& at : points_of(config, which))
    if (about(at.point).of != PointOf::input)
      out.emplace_back(at.name(), extents(about(at.point).shape, config.sink_tokens));
  return out;
}

}  // namespace

TEST_CASE("every point of the table is shown and offered to an edit as it says, and no other is") {
  std::vector<int32_t> tokens(B * T);
  for (int64_t i = 0; i < B * T; ++i) tokens[i] = static_cast<int32_t>(i * i % V);
  for (const int64_t sinks : {int64_t{0}, R}) {
    const ModelConfig config = config_of(sinks);
    const Transformer model(config, V, 1);
    Arena arena;
    Tape tape(arena, false);
    Shown shown;
    Edited edited;
    Input input{tokens, B, T, {}, {}, &edited};
    const std::vector<float> effective(config.context * config.width);
    input.effective = effective;
    model.forward(tape, input, &shown);
    CHECK(shown.seen == expected(config, &PointInfo::shown));
    CHECK(edited.seen == expected(config, &PointInfo::edited));
  }
}

TEST_CASE("a model has no points of parts that it lacks") {
  const auto names = [](const ModelConfig& config) {
    std::vector<std::string> out;
    for (const PlacedPoint& at : points_of(config, &PointInfo::shown))
      if (at.layer >= 0) out.push_back(at.name());
    return fmt::format("{}", fmt::join(out, " "));
  };
  ModelConfig config = config_of(0);
  config.layers = 1;
  config.attention.slot.set("none");
  CHECK(names(config).find("slot") == std::string::npos);
  config.mlp.kind.set("none");
  CHECK(names(config) ==
        "blocks.0.attn.in blocks.0.attn.qkv blocks.0.attn.scores blocks.0.attn.pattern "
        "blocks.0.attn.mix blocks.0.attn.out blocks.0.attn.added blocks.0.resid");
}

TEST_CASE("names of points are their own, and edits take each that may be edited by its name") {
  std::set<std::string_view> names;
  for (const PointInfo& point : points()) {
    CHECK(&about(point.point) == &point);
    CHECK(names.insert(point.name).second);
    // Heads stand side by side in C channels, or are an extent of their own.
    if (point.has_heads)
      CHECK((point.shape == "[B·S, C]" || point.shape.find('H') != std::string_view::npos));
    CHECK(point.is_map() == point.shape.ends_with("S, S]"));
  }
  const ModelConfig config = config_of(R);
  for (const PlacedPoint& at : points_of(config, &PointInfo::edited)) {
    EditConfig edit;
    edit.at = {at.name()};
    edit.edit.set("set");
    Edits edits({edit}, config, T);
    CHECK(edits.edits(at.layer, at.point));
    for (const PlacedPoint& other : points_of(config, &PointInfo::edited))
      CHECK(edits.edits(other.layer, other.point) == (other == at));
  }
}

}  // namespace waiver
