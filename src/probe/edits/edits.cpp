#include "probe/edits/edits.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/threads.h"
#include "model/parameters.h"

namespace waiver {
namespace {

std::string full_name(int64_t layer, std::string_view point) {
  return layer < 0 ? std::string(point) : fmt::format("blocks.{}.{}", layer, point);
}

bool at_point(const EditConfig& edit, const std::string& name) {
  return std::ranges::any_of(edit.at,
                             [&](const std::string& pattern) { return matches(pattern, name); });
}

PointKind kind_of(std::string_view point) {
  if (point == "tokens" || point == "positions") return PointKind::ids;
  if (point.ends_with("attn.scores")) return PointKind::scores;
  return point.ends_with("attn.pattern") ? PointKind::pattern : PointKind::vectors;
}

bool is_map(PointKind kind) { return kind == PointKind::scores || kind == PointKind::pattern; }

bool in_block(std::string_view point) {
  return point.starts_with("attn.") || point == "mlp.out" || point == "resid";
}

bool has_heads(std::string_view point) {
  for (const char* name : {"attn.q", "attn.k", "attn.v", "attn.mix", "attn.scores", "attn.pattern"})
    if (point.ends_with(name)) return true;
  return false;
}

int64_t number_of(const std::string& text, const PositionNames& names, int64_t tokens,
                  const std::string& where) {
  if (const auto name = names.find(text); name != names.end()) return name->second;
  int64_t position = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (problem == std::errc{} && end == text.data() + text.size() && position >= 0 &&
      position < tokens)
    return position;
  std::vector<std::string> known;
  for (const auto& [name, value] : names) known.push_back(name);
  throw UsageError(where, fmt::format("\"{}\" is no position of {} tokens", text, tokens),
                   known.empty() ? fmt::format("Positions are 0 to {}.", tokens - 1)
                                 : fmt::format("Positions are 0 to {}, or one of: {}.", tokens - 1,
                                               fmt::join(known, ", ")));
}

std::vector<int64_t> every(int64_t n) {
  std::vector<int64_t> out(n);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

}  // namespace

void EditConfig::visit(FieldVisitor& v) {
  v.field(
      {"at",
       "named points, e.g. blocks.1.attn.v or blocks.*.resid: tokens, positions, embed.position, "
       "embed, blocks.L.attn.{q, k, v, scores, pattern, mix, out}, blocks.L.{mlp.out, resid}, "
       "final.norm, logits"},
      at);
  edit.visit_within(v, {"edit", "what is done there"});
  v.field(
      {"positions", "which positions are changed, in scores and patterns which keys; empty: all"},
      positions);
  v.field({"except", "positions left out of these"}, except);
  v.field({"queries", "in scores and patterns, which queries' rows; empty: all"}, queries);
  v.field({"heads", "where a point has heads, which; empty: all", at_least(0)}, heads);
}

std::vector<std::pair<std::string, PointKind>> edit_points(const ModelConfig& model) {
  std::vector<std::pair<std::string, PointKind>> out;
  const auto add = [&](int64_t layer, std::string_view point) {
    out.emplace_back(full_name(layer, point), kind_of(point));
  };
  for (const char* point : {"tokens", "positions", "embed.position", "embed"}) add(-1, point);
  for (int64_t l = 0; l < model.layers; ++l) {
    if (model.has_attention(l))
      for (const char* point :
           {"attn.q", "attn.k", "attn.v", "attn.scores", "attn.pattern", "attn.mix", "attn.out"})
        add(l, point);
    if (model.has_mlp(l)) add(l, "mlp.out");
    add(l, "resid");
  }
  for (const char* point : {"final.norm", "logits"}) add(-1, point);
  return out;
}

Edits::Edits(std::vector<EditConfig> edits, const ModelConfig& model, int64_t tokens,
             const PositionNames& names)
    : model_(model), tokens_(tokens) {
  for (size_t i = 0; i < edits.size(); ++i) edits_.push_back(resolve(edits[i], i, names));
}

void Edits::check_points(const EditConfig& edit, const std::string& where) const {
  bool found = false;
  for (const auto& [name, kind] : edit_points(model_)) {
    if (!at_point(edit, name)) continue;
    found = true;
    if (!edit.edit->suits(kind))
      throw UsageError(where, fmt::format("{} makes no sense at {}", edit.edit.name(), name),
                       edit.edit.name() == "hide" ? "Hide keys at blocks.*.attn.scores." : "");
    if (!edit.queries.empty() && !is_map(kind))
      throw UsageError(where, fmt::format("{} has no queries", name),
                       "Only scores and patterns have rows of queries.");
    if (!edit.heads.empty() && !has_heads(name))
      throw UsageError(where, fmt::format("{} has no heads", name));
  }
  if (!found)
    throw UsageError(where,
                     fmt::format("[{}] matches no point of this model", fmt::join(edit.at, ", ")),
                     "Points are e.g. tokens, positions, embed, blocks.0.attn.v, blocks.*.resid.");
}

Edits::Resolved Edits::resolve(const EditConfig& edit, size_t index,
                               const PositionNames& names) const {
  const std::string where = fmt::format("edits[{}]", index);
  check_points(edit, where);
  Resolved out{edit, {}, {}, edit.heads, -1};
  const auto numbers = [&](const std::vector<std::string>& texts) {
    std::vector<int64_t> all;
    for (const std::string& text : texts) all.push_back(number_of(text, names, tokens_, where));
    return all;
  };
  out.positions = edit.positions.empty() ? every(tokens_) : numbers(edit.positions);
  const std::vector<int64_t> except = numbers(edit.except);
  std::erase_if(out.positions, [&](int64_t t) { return std::ranges::count(except, t) > 0; });
  out.queries = edit.queries.empty() ? every(tokens_) : numbers(edit.queries);
  for (const int64_t head : out.heads)
    if (head >= model_.heads)
      throw UsageError(where,
                       fmt::format("there is no head {}; model.heads is {}", head, model_.heads),
                       "Heads count from 0.");
  if (out.heads.empty()) out.heads = every(model_.heads);
  if (const std::string from = edit.edit->from(); !from.empty())
    out.from = number_of(from, names, tokens_, where);
  if (const size_t count = edit.edit->count(); count && out.positions.size() != count)
    throw UsageError(where, fmt::format("{} needs {} positions, found {}", edit.edit.name(), count,
                                        out.positions.size()));
  return out;
}

bool Edits::edits(int64_t layer, std::string_view point) const {
  const std::string name = full_name(layer, point);
  return std::ranges::any_of(edits_, [&](const Resolved& e) { return at_point(e.config, name); });
}

void Edits::edit(int64_t layer, std::string_view point, const Tensor& t) {
  const std::string name = full_name(layer, point);
  for (const Resolved& e : edits_)
    if (at_point(e.config, name)) apply(e, point, t);
}

void Edits::apply(const Resolved& edit, std::string_view point, const Tensor& t) const {
  const PointKind kind = kind_of(point);
  const int64_t T = tokens_, H = has_heads(point) ? model_.heads : 1;
  // Within blocks sink tokens stand in front of the tokens, whose positions count from 0.
  const int64_t sinks = in_block(point) ? model_.sink_tokens : 0, S = sinks + T;
  const bool map = is_map(kind);
  // A map's lanes are the rows of its queries, another point's its sequences and heads.
  const int64_t rows = map ? T : 1, width = map ? 1 : t.dim(1) / H;
  const int64_t sequences = map ? t.dim(0) : t.dim(0) / S;
  parallel_tiles(sequences * H * rows, [&](int64_t index) {
    const int64_t query = index % rows, head = index / rows % H, b = index / rows / H;
    if (H > 1 && std::ranges::count(edit.heads, head) == 0) return;
    if (map && std::ranges::count(edit.queries, query) == 0) return;
    float* now = map ? t.data + ((b * H + head) * S + sinks + query) * S + sinks
                     : t.row(b * S + sinks) + head * width;
    const int64_t stride = map ? 1 : t.stride();
    std::vector<float> before(T * width);
    for (int64_t p = 0; p < T; ++p) std::copy_n(now + p * stride, width, &before[p * width]);
    std::vector<int64_t> positions = edit.positions;
    if (kind == PointKind::scores)  // what the mask hides stays hidden
      std::erase_if(positions, [&](int64_t p) { return std::isinf(before[p]); });
    edit.config.edit->apply({now, before.data(), stride, width, T, head, map ? query : -1},
                            positions, edit.from);
  });
}

void Edits::apply_to_ids(const std::string& point, std::vector<int32_t>& ids, int64_t end) const {
  if (!edits(-1, point)) return;
  std::vector<float> values(ids.begin(), ids.end());
  const Tensor t{values.data(), {std::ssize(values), 1}};
  for (const Resolved& e : edits_)
    if (at_point(e.config, point)) apply(e, point, t);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!(values[i] >= 0 && values[i] < static_cast<float>(end)) ||
        values[i] != std::floor(values[i]))
      throw UsageError(point, fmt::format("{} is no id in [0, {})", values[i], end));
    ids[i] = static_cast<int32_t>(values[i]);
  }
}

void Edits::edit_tokens(std::vector<int32_t>& tokens, int64_t vocabulary) const {
  apply_to_ids("tokens", tokens, vocabulary);
}

void Edits::edit_positions(std::vector<int32_t>& positions) const {
  apply_to_ids("positions", positions, model_.context);
}

}  // namespace waiver
