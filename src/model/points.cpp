#include "model/points.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/config.h"

namespace waiver {
namespace {

constexpr bool yes = true, no = false;

#define WAIVER_POINT_INFO(point, name, of, shape, kind, heads, shown, edited, what) \
  {Point::point, name, PointOf::of, shape, PointKind::kind, heads, shown, edited, what},
constexpr PointInfo kPoints[] = {WAIVER_POINTS(WAIVER_POINT_INFO)};
#undef WAIVER_POINT_INFO

bool has(const ModelConfig& model, int64_t layer, PointOf of) {
  switch (of) {
    case PointOf::attention:
      return model.has_attention(layer);
    case PointOf::slot:
      return model.has_attention(layer) && model.attention.slot->present();
    case PointOf::mlp:
      return model.has_mlp(layer);
    default:
      return true;
  }
}

// What an encoding adds at a point that is there for it alone.
bool is_encoded(const ModelConfig& model, int64_t layer, Acts acts) {
  return model.position.of_layer(std::max<int64_t>(0, layer))->acts() == acts;
}

}  // namespace

bool has_effective_encoding(const ModelConfig& model) {
  return model.position.count() == 0 && model.residual &&
         model.position.of_layer(0)->acts() == Acts::on_embeddings;
}

std::span<const PointInfo> points() { return kPoints; }

const PointInfo& about(Point point) { return kPoints[static_cast<size_t>(point)]; }

std::string point_name(int64_t layer, Point point) {
  const std::string_view name = about(point).name;
  return layer < 0 ? std::string(name) : fmt::format("blocks.{}.{}", layer, name);
}

std::string in_every_block(Point point) { return fmt::format("blocks.*.{}", about(point).name); }

std::vector<PlacedPoint> points_of(const ModelConfig& model, bool PointInfo::*which) {
  std::vector<PlacedPoint> out;
  const auto add = [&](int64_t layer, const PointInfo& info) {
    if (info.point == Point::features && !model.takes_features()) return;
    if (info.point == Point::effective && (layer > 0 || !has_effective_encoding(model))) return;
    if (info.point == Point::embed_position && !is_encoded(model, layer, Acts::on_embeddings))
      return;
    if (info.point == Point::attn_position && !is_encoded(model, layer, Acts::on_attention_input))
      return;
    if (info.*which && has(model, layer, info.of)) out.push_back({layer, info.point});
  };
  const auto first = std::ranges::find_if(kPoints, &PointInfo::in_block);
  const auto last = std::find_if_not(first, std::end(kPoints), std::mem_fn(&PointInfo::in_block));
  std::for_each(std::begin(kPoints), first, [&](const PointInfo& info) { add(-1, info); });
  for (int64_t l = 0; l < model.layers; ++l)
    std::for_each(first, last, [&](const PointInfo& info) { add(l, info); });
  std::for_each(last, std::end(kPoints), [&](const PointInfo& info) { add(-1, info); });
  return out;
}

}  // namespace waiver
