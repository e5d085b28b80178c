#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/fields/set_fields.h"
#include "model/transformer.h"
#include "probe/edits/edits.h"
#include "reference/settings.h"

/// Small models, and what passes of them show with and without edits.
namespace waiver::edited_passes {

inline constexpr int64_t T = 9, B = 2, V = 11;

inline ModelConfig config_of(reference::Edits edits) {
  for (const auto& [key, number] : std::map<std::string, double>{
           {"layers", 2}, {"heads", 2}, {"width", 16}, {"context", 12}, {"mlp.width", 24}})
    edits.numbers.emplace(key, number);
  ModelConfig config;
  reference::Settings(config, edits);
  return config;
}

inline std::vector<int32_t> some_tokens() {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < B * T; ++i) out.push_back(static_cast<int32_t>((i * i + 3 * i + 1) % V));
  return out;
}

// Everything that a pass shows, by full name.
struct Everything : Capture {
  bool wants(int64_t, Point) const override { return true; }
  void take(int64_t layer, Point point, const Tensor& t) override {
    auto& copy = shown[point_name(layer, point)];
    copy.clear();
    const int64_t columns = t.shape[-1];
    for (int64_t r = 0; r < t.size() / columns; ++r)
      copy.insert(copy.end(), t.data + r * (t.pitch ? t.pitch : columns),
                  t.data + r * (t.pitch ? t.pitch : columns) + columns);
  }
  std::map<std::string, std::vector<float>> shown;
};

inline std::map<std::string, std::vector<float>> run(const Transformer& model, Intervention* edits,
                                                     std::vector<int32_t> tokens = some_tokens(),
                                                     std::vector<int32_t> positions = {}) {
  Arena arena;
  Tape tape(arena, false);
  Everything all;
  Input input{tokens, B, T, positions, {}, edits};
  const std::vector<float> effective(model.config().context * model.config().width, 0.5f);
  input.effective = effective;
  model.forward(tape, input, &all);
  return all.shown;
}

inline EditConfig edit(std::vector<std::string> at, const std::string& rule,
                       std::vector<std::string> positions = {}, SetFields options = SetFields({})) {
  EditConfig out;
  out.at = std::move(at);
  out.edit.set(rule);
  out.edit->options(options);
  out.positions = std::move(positions);
  return out;
}

inline bool same_bits(const std::vector<float>& x, const std::vector<float>& y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

inline std::map<std::string, std::vector<float>> edited(const Transformer& model,
                                                        std::vector<EditConfig> edits,
                                                        const PositionNames& names = {}) {
  Edits all(std::move(edits), model.config(), T, names);
  return run(model, &all);
}

// Rounding of fp32 through two blocks, the sums of a row in another order.
inline constexpr double kRounding = 5e-6;

inline std::vector<reference::Edits> every_normalizer_and_slot() {
  std::vector<reference::Edits> out;
  for (const auto& normalizer : registry<Normalizer>())
    for (const char* slot : {"none", "key_value"}) {
      const std::string name(normalizer.name);
      out.push_back({{{"attention.normalizer", name}, {"attention.slot", slot}}, {}});
      // Its default is meant for rows of 12 keys and more, and would leave no weight here.
      if (name == "clipped") out.back().numbers["attention.normalizer.alpha"] = 1;
    }
  return out;
}

}  // namespace waiver::edited_passes
