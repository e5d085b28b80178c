#include "inspect/attention_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/text/printable.h"
#include "core/text/table.h"

namespace waiver {
namespace {

constexpr int64_t kWidth = 80, kToken = 8;

/// One head's weights on one sequence: of every token, for every key, sink tokens first.
struct HeadMap {
  int64_t sinks = 0, keys = 0;
  std::vector<bool> hidden;  // [query, key]
  std::vector<double> plain, weighted;

  int64_t at(int64_t query, int64_t key) const { return query * keys + key; }
};

double norm_of(const float* x, int64_t n) {
  return std::sqrt(std::inner_product(x, x + n, x, 0.0));
}

HeadMap read_map(const ModelConfig& model, const CapturedPass& pass, int64_t layer, int64_t head) {
  const std::vector<float>&qkv = *pass.find(layer, Point::attn_qkv),
        &scores = *pass.find(layer, Point::attn_scores),
        &pattern = *pass.find(layer, Point::attn_pattern);
  const int64_t D = model.channels_per_head(), R = model.sink_tokens, S = R + model.context,
                length = pass.lengths.front();
  HeadMap out{R, R + length, {}, {}, {}};
  for (int64_t i = R; i < R + length; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < out.keys; ++j) {
      const int64_t from = (head * S + i) * S + j;
      const float* value = &qkv[(3 * j + 2) * model.heads * D + head * D];
      out.hidden.push_back(std::isinf(scores[from]));
      out.plain.push_back(pattern[from]);
      out.weighted.push_back(pattern[from] * norm_of(value, D));
      sum += out.weighted.back();
    }
    for (int64_t j = 0; j < out.keys && sum > 0; ++j) out.weighted[out.at(i - R, j)] /= sum;
  }
  return out;
}

// All keys, or the ones that receive the most, in their order.
std::vector<int64_t> shown_keys(const HeadMap& map, int64_t most) {
  std::vector<double> received(map.keys, 0.0);
  for (size_t i = 0; i < map.plain.size(); ++i) received[i % map.keys] += map.plain[i];
  std::vector<int64_t> keys(map.keys);
  std::iota(keys.begin(), keys.end(), int64_t{0});
  if (map.keys <= most) return keys;
  std::ranges::stable_sort(keys, std::greater<>(), [&](int64_t k) { return received[k]; });
  keys.resize(most);
  std::ranges::sort(keys);
  return keys;
}

std::string shade(double weight, bool hidden) {
  constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (hidden) return " ";
  if (!(weight >= 1.0 / 16)) return "·";
  return kBlocks[std::clamp(static_cast<int>(weight * 8), 0, 7)];
}

std::string row_of(const HeadMap& map, const std::vector<double>& weights, int64_t query,
                   const std::vector<int64_t>& keys) {
  std::string row;
  for (const int64_t k : keys)
    row += shade(weights[map.at(query, k)], map.hidden[map.at(query, k)]);
  return row;
}

// The first character of every key, above its column.
std::string ruler(const std::vector<std::string>& names, const std::vector<int64_t>& keys) {
  std::string row;
  for (const int64_t k : keys) {
    const std::string name = printable(names[k]);
    row += name.empty() || name == " " ? "_" : name.substr(0, character_length(name));
  }
  return row;
}

std::string table_of(const HeadMap& map, const std::vector<std::string>& names,
                     const std::vector<int64_t>& keys,
                     const std::vector<std::pair<std::string, const std::vector<double>*>>& maps) {
  Table table{{{Align::right}, {}}, {}};
  table.rows = {{"", "query"}, {"", ""}};
  for (const auto& [title, weights] : maps) {
    table.columns.push_back({});
    table.rows[0].emplace_back(title);
    table.rows[1].emplace_back(ruler(names, keys));
  }
  for (const int64_t k : keys) {
    if (k < map.sinks) continue;
    std::vector<Cell> row = {std::to_string(k - map.sinks),
                             names[k] == " " ? "\" \"" : printable(names[k], kToken)};
    for (const auto& [title, weights] : maps)
      row.emplace_back(row_of(map, *weights, k - map.sinks, keys));
    table.rows.push_back(std::move(row));
  }
  return to_text(table);
}

}  // namespace

std::string attention_map(const SavedModel& saved, const CapturedPass& pass, int64_t layer,
                          int64_t head, int64_t width) {
  const ModelConfig& model = saved.config.model;
  const HeadMap map = read_map(model, pass, layer, head);
  const std::vector<int32_t>& ids = pass.batch.whole.empty() ? pass.batch.inputs : pass.batch.whole;
  std::vector<std::string> names(map.sinks, "sink");
  for (int64_t t = 0; t < pass.lengths.front(); ++t)
    names.push_back(token_text(*saved.data, ids[t]));

  constexpr int64_t kLabels = 5 + kToken + 4;
  const int64_t room = (width > 0 ? std::min(width, kWidth) : kWidth) - kLabels;
  const std::vector<int64_t> keys = shown_keys(map, std::max<int64_t>(room, 8));
  const std::pair plain{std::string("A"), &map.plain}, weighted{std::string("A‖v‖"), &map.weighted};
  std::string text =
      fmt::format("Attention of layer {}, head {}, on the first sequence\n", layer, head);
  text += 2 * std::ssize(keys) + 2 <= room
              ? table_of(map, names, keys, {plain, weighted})
              : table_of(map, names, keys, {plain}) + "\n" + table_of(map, names, keys, {weighted});
  text +=
      "Rows: queries, columns: keys; ▁ to █: 1/16 to 1, ·: less, blank: hidden;\n"
      "A‖v‖: weighted by the norm of the value, A_ij ‖v_j‖ ÷ Σ_k A_ik ‖v_k‖.\n";
  if (const int64_t others = map.keys - std::ssize(keys); others > 0)
    text += fmt::format("Left out: {} tokens that receive less.\n", others);
  if (model.added_keys() > model.sink_tokens) text += "What the slot takes is not shown.\n";
  return text;
}

}  // namespace waiver
