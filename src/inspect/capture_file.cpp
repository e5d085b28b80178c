#include "inspect/capture_file.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <utility>

#include "config/config.h"

namespace waiver {
namespace {

using Names = std::vector<std::string>;

Names axes_of(const PlacedPoint& at, const ModelConfig& model) {
  const PointInfo& info = about(at.point);
  const std::string place =
      info.in_block() && model.sink_tokens > 0 ? "place" : "position";  // sink tokens included
  if (info.is_map()) return {"sequence", "head", "query", "key"};
  if (info.of == PointOf::slot) return {"sequence", "head", "query"};
  if (info.has_heads) return {"sequence", place, "head", "channel"};
  const bool scores = at.point == Point::logits && model.gives_logits();
  return {"sequence", place, scores ? "vocabulary" : "width"};
}

// One third of queries, keys and values, which lie side by side.
std::vector<float> third_of(const std::vector<float>& qkv, int64_t third, int64_t width) {
  std::vector<float> out;
  out.reserve(qkv.size() / 3);
  for (int64_t row = 0; row < std::ssize(qkv); row += 3 * width) {
    const auto from = qkv.begin() + row + third * width;
    out.insert(out.end(), from, from + width);
  }
  return out;
}

void write_point(Log& log, const PlacedPoint& at, const ModelConfig& model,
                 const std::vector<float>& numbers) {
  const PointInfo& info = about(at.point);
  log.set({"points", at.name(), axes_of(at, model), "1", std::string(info.name),
           std::string(info.what)},
          std::span<const float>(numbers));
}

void write_points(Log& log, const ModelConfig& model, CapturedPass& pass) {
  const int64_t width = model.heads * model.channels_per_head();
  for (auto& [at, all] : pass.points) {
    const std::vector<float> numbers = std::exchange(all, {});
    if (at.point != Point::attn_qkv) {
      write_point(log, at, model, numbers);
      continue;
    }
    int64_t third = 0;
    for (const Point point : {Point::attn_q, Point::attn_k, Point::attn_v})
      write_point(log, {at.layer, point}, model, third_of(numbers, third++, width));
  }
}

void write_ids(Log& log, const std::string& name, const std::string& text,
               const std::vector<int32_t>& ids) {
  const std::vector<int64_t> all(ids.begin(), ids.end());
  log.set({"sequences", name, {"sequence", "position"}, "1", name, text},
          std::span<const int64_t>(all));
}

void write_features(Log& log, const std::string& name, const std::string& text,
                    const std::vector<float>& values) {
  if (values.empty()) return;
  log.set({"sequences", name, {"sequence", "position", "feature"}, "1", name, text},
          std::span<const float>(values));
}

void write_sequences(Log& log, const SavedModel& saved, const CapturedPass& pass) {
  const Batch& batch = pass.batch;
  const std::vector<int32_t>& ids = batch.whole.empty() ? batch.inputs : batch.whole;
  Names tokens;
  for (const int32_t id : ids) tokens.push_back(token_text(*saved.data, id));
  log.set({"sequences", "tokens", {"sequence", "position"}, "1", "tokens", "as people read them"},
          std::span<const std::string>(tokens));
  write_ids(log, "ids", "of the tokens", ids);
  if (!batch.whole.empty())
    write_ids(log, "inputs", "the ids that logits are of: some tokens are masked", batch.inputs);
  write_ids(log, "targets", "the id that is to be predicted; −1: none", batch.targets);
  log.set({"sequences", "length", {"sequence"}, "1", "length", "tokens before the padding"},
          std::span<const int64_t>(pass.lengths));
  write_features(log, "features", "what the model is given of each token", batch.features);
  write_features(log, "answers", "what it must answer", batch.answers);
}

}  // namespace

Log capture_log(const SavedModel& saved, CapturedPass pass, const std::filesystem::path& path) {
  const ModelConfig& m = saved.config.model;
  const int64_t places = m.sink_tokens + m.context;
  Log::Axes axes = {{"sequence", pass.batch.batch},
                    {"position", m.context},
                    {"head", m.heads},
                    {"query", places},
                    {"key", places},
                    {"channel", m.channels_per_head()},
                    {"width", m.width}};
  if (m.sink_tokens > 0) axes["place"] = places;
  if (m.gives_logits()) axes["vocabulary"] = saved.model->vocabulary();
  if (!pass.batch.features.empty()) axes["feature"] = m.width;
  Log log = Log::create(path, axes, to_yaml(saved.config));
  log.set_attribute("checkpoint", saved.checkpoint.string());
  log.set_attribute("step", std::to_string(saved.step));
  write_sequences(log, saved, pass);
  write_points(log, m, pass);
  return log;
}

}  // namespace waiver
