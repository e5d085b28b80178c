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
  throw UsageError(where, fmt::format("\"{}\" is not a position of {} tokens", text, tokens),
                   known.empty() ? fmt::format("Positions are 0 to {}.", tokens - 1)
                                 : fmt::format("Positions are 0 to {}, or one of: {}.", tokens - 1,
                                               fmt::join(known, ", ")));
}

std::vector<int64_t> every(int64_t n) {
  std::vector<int64_t> out(n);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// `tokens, …, blocks.L.attn.q, …, logits`: every point that may be edited, L any block.
const std::string& point_list() {
  static const std::string list = [] {
    std::vector<std::string> names;
    for (const PointInfo& info : points())
      if (info.edited)
        names.push_back(fmt::format("{}{}", info.in_block() ? "blocks.L." : "", info.name));
    return fmt::format("{}", fmt::join(names, ", "));
  }();
  return list;
}

}  // namespace

void EditConfig::visit(FieldVisitor& v) {
  static const std::string at_doc =
      "named points, e.g. blocks.1.attn.v or blocks.*.resid: " + point_list();
  v.field({"at", at_doc}, at);
  edit.visit_within(v, {"edit", "what is done there"});
  v.field(
      {"positions", "which positions are edited; in scores and patterns, which keys; empty: all"},
      positions);
  v.field({"except", "positions excluded from these"}, except);
  v.field({"queries", "in scores and patterns, which queries' rows; empty: all"}, queries);
  v.field({"heads", "at points with heads, which ones; empty: all", at_least(0)}, heads);
}

std::vector<PlacedPoint> EditConfig::points(const ModelConfig& model) const {
  std::vector<PlacedPoint> out = points_of(model, &PointInfo::edited);
  std::erase_if(out, [&](const PlacedPoint& point) {
    return std::ranges::none_of(
        at, [&](const std::string& wanted) { return matches(wanted, point.name()); });
  });
  return out;
}

Edits::Edits(std::vector<EditConfig> edits, const ModelConfig& model, int64_t tokens,
             const PositionNames& names)
    : Edits(std::move(edits), model, tokens, std::vector<PositionNames>{names}) {}

Edits::Edits(std::vector<EditConfig> edits, const ModelConfig& model, int64_t tokens,
             std::vector<PositionNames> names)
    : model_(model), tokens_(tokens), configs_(std::move(edits)), names_(std::move(names)) {
  resolve_all(names_.front());
}

void Edits::resolve_all(const PositionNames& names) {
  edits_.clear();
  for (size_t i = 0; i < configs_.size(); ++i) edits_.push_back(resolve(configs_[i], i, names));
}

void Edits::begin(int64_t sequence, std::span<const int64_t> lengths) {
  first_ = sequence;
  sequences_ = std::ssize(lengths);
  lengths_.assign(lengths.begin(), lengths.end());
  if (one_by_one()) resolve_all(names_[sequence]);
  check_padding();
}

// Positions that an edit names are tokens in the sequence that it is for, or in all of them; those
// of donors, in all.
void Edits::check_padding() const {
  const int64_t shortest = std::ranges::min(lengths_);
  const int64_t own = one_by_one() ? lengths_[first_] : shortest;
  for (size_t i = 0; i < edits_.size(); ++i) {
    const Resolved& e = edits_[i];
    const bool donates = e.config.edit->donor() > 0;
    std::vector<std::pair<int64_t, int64_t>> named;  // and how many tokens there are
    for (const auto* list : {&e.config.positions, &e.config.queries})
      if (!list->empty())
        for (const int64_t t : list == &e.config.queries ? e.queries : e.positions)
          named.emplace_back(t, own);
    if (donates && e.config.edit->from().empty())
      for (const int64_t t : e.positions) named.emplace_back(t, shortest);
    for (size_t b = 0; donates && b < e.donor_from.size(); ++b)
      named.emplace_back(e.donor_from[b], one_by_one() ? lengths_[b] : shortest);
    if (!donates && e.from >= 0) named.emplace_back(e.from, own);
    for (const auto& [t, tokens] : named)
      if (t >= tokens)
        throw UsageError(
            fmt::format("edits[{}]", i),
            fmt::format("position {} is padding in a sequence of {} tokens", t, tokens),
            fmt::format("Edit positions below {}, or take longer sequences.", tokens));
  }
}

void Edits::check_donors(int64_t sequences) const {
  for (size_t i = 0; i < edits_.size(); ++i)
    if (const int64_t further = edits_[i].config.edit->donor();
        further > 0 && further % sequences == 0)
      throw UsageError(fmt::format("edits[{}]", i),
                       fmt::format("{} sequences further on in a probe batch of {} is the same "
                                   "sequence",
                                   further, sequences),
                       "Raise probe.batch, or choose another `sequence`.");
}

std::vector<PlacedPoint> Edits::donor_points() const {
  std::vector<PlacedPoint> out;
  for (const Resolved& e : edits_)
    if (e.config.edit->donor() > 0) out.insert(out.end(), e.at.begin(), e.at.end());
  return out;
}

std::vector<PlacedPoint> Edits::points_at(const EditConfig& edit, const std::string& where) const {
  std::vector<PlacedPoint> found = edit.points(model_);
  for (const PlacedPoint& at : found) {
    const std::string name = at.name();
    const PointInfo& point = about(at.point);
    if (!edit.edit->suits(point.kind))
      throw UsageError(where, fmt::format("{} makes no sense at {}", edit.edit.name(), name),
                       edit.edit.name() == "hide" ? "Hide keys at blocks.*.attn.scores." : "");
    if (!edit.queries.empty() && !point.is_map())
      throw UsageError(where, fmt::format("{} has no queries", name),
                       "Only scores and patterns have rows of queries.");
    if (!edit.heads.empty() && !point.has_heads)
      throw UsageError(where, fmt::format("{} has no heads", name));
  }
  if (found.empty())
    throw UsageError(
        where, fmt::format("[{}] matches no point of this model", fmt::join(edit.at, ", ")),
        fmt::format("Points are {}; for L write a block's number, or * for all of them.",
                    point_list()));
  return found;
}

Edits::Resolved Edits::resolve(const EditConfig& edit, size_t index,
                               const PositionNames& names) const {
  const std::string where = fmt::format("edits[{}]", index);
  Resolved out{edit, points_at(edit, where), {}, {}, edit.heads, -1};
  const auto numbers = [&](const std::vector<std::string>& texts) {
    std::vector<int64_t> all;
    for (const std::string& text : texts) all.push_back(number_of(text, names, tokens_, where));
    return all;
  };
  out.positions = edit.positions.empty() ? every(tokens_) : numbers(edit.positions);
  for (size_t i = 0; i < out.positions.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (out.positions[i] == out.positions[j])
        throw UsageError(where,
                         edit.positions[i] == edit.positions[j]
                             ? fmt::format("{} is named twice", edit.positions[i])
                             : fmt::format("{} and {} are the same position", edit.positions[j],
                                           edit.positions[i]),
                         "Name each position once.");
  const std::vector<int64_t> except = numbers(edit.except);
  std::erase_if(out.positions, [&](int64_t t) { return std::ranges::count(except, t) > 0; });
  out.queries = edit.queries.empty() ? every(tokens_) : numbers(edit.queries);
  for (const int64_t head : out.heads)
    if (head >= model_.heads)
      throw UsageError(where,
                       fmt::format("there is no head {}; model.heads is {}", head, model_.heads),
                       "Heads count from 0.");
  if (out.heads.empty()) out.heads = every(model_.heads);
  if (const std::string from = edit.edit->from(); !from.empty()) {
    out.from = number_of(from, names, tokens_, where);
    for (const PositionNames& others : names_)
      out.donor_from.push_back(number_of(from, others, tokens_, where));
  }
  if (const size_t count = edit.edit->count(); count && out.positions.size() != count)
    throw UsageError(where, fmt::format("{} needs {} positions, found {}", edit.edit.name(), count,
                                        out.positions.size()));
  return out;
}

DonorStates::DonorStates(std::vector<PlacedPoint> points, const ModelConfig& model, int64_t tokens)
    : points_(std::move(points)),
      sinks_(model.sink_tokens),
      tokens_(tokens),
      states_(points_.size()),
      widths_(points_.size()) {}

bool DonorStates::edits(int64_t layer, Point point) const {
  return std::ranges::count(points_, PlacedPoint{layer, point}) > 0;
}

void DonorStates::edit(int64_t layer, Point point, const Tensor& t) {
  const auto place = std::ranges::find(points_, PlacedPoint{layer, point}) - points_.begin();
  const int64_t sinks = about(point).in_block() ? sinks_ : 0, S = sinks + tokens_;
  widths_[place] = t.dim(1);
  for (int64_t n = 0; n < t.dim(0); ++n)
    if (n % S >= sinks) states_[place].insert(states_[place].end(), t.row(n), t.row(n) + t.dim(1));
}

std::vector<float> DonorStates::at(const PlacedPoint& point, int64_t sequence, int64_t head,
                                   int64_t heads) const {
  const std::vector<float>& all = states_[std::ranges::find(points_, point) - points_.begin()];
  const int64_t C = widths_[std::ranges::find(points_, point) - points_.begin()], width = C / heads;
  std::vector<float> out;
  for (int64_t t = 0; t < tokens_; ++t) {
    const float* row = &all[(sequence * tokens_ + t) * C + head * width];
    out.insert(out.end(), row, row + width);
  }
  return out;
}

bool Edits::Resolved::is_at(int64_t layer, Point point) const {
  return std::ranges::count(at, PlacedPoint{layer, point}) > 0;
}

bool Edits::edits(int64_t layer, Point point) const {
  return std::ranges::any_of(edits_, [&](const Resolved& e) { return e.is_at(layer, point); });
}

void Edits::edit(int64_t layer, Point point, const Tensor& t) {
  for (const Resolved& e : edits_)
    if (e.is_at(layer, point)) apply(e, layer, point, t);
}

void Edits::apply(const Resolved& edit, int64_t layer, Point point, const Tensor& t) const {
  const PointInfo& info = about(point);
  const int64_t T = tokens_, H = info.has_heads ? model_.heads : 1;
  // Within blocks, sink tokens precede the tokens, whose positions count from 0.
  const int64_t sinks = info.in_block() ? model_.sink_tokens : 0, S = sinks + T;
  const bool map = info.is_map();
  // The lanes of a map are the rows of its queries; those of other points are sequences and heads.
  const int64_t rows = map ? T : 1, width = map ? 1 : t.dim(1) / H;
  const int64_t sequences = map ? t.dim(0) : t.dim(0) / S;
  parallel_tiles(sequences * H * rows, [&](int64_t index) {
    const int64_t query = index % rows, head = index / rows % H, b = index / rows / H;
    const int64_t count = length(point, b);
    if (H > 1 && std::ranges::count(edit.heads, head) == 0) return;
    if (map && (query >= count || std::ranges::count(edit.queries, query) == 0)) return;
    float* now = map ? t.data + ((b * H + head) * S + sinks + query) * S + sinks
                     : t.row(b * S + sinks) + head * width;
    const int64_t stride = map ? 1 : t.stride();
    std::vector<float> before(count * width);
    for (int64_t p = 0; p < count; ++p) std::copy_n(now + p * stride, width, &before[p * width]);
    std::vector<int64_t> positions = edit.positions;
    std::erase_if(positions, [&](int64_t p) { return p >= count; });
    if (info.kind == PointKind::scores)  // what the mask hides stays hidden
      std::erase_if(positions, [&](int64_t p) { return std::isinf(before[p]); });
    Lane lane{now, before.data(), stride, width, count, head, map ? query : -1};
    int64_t from = edit.from;
    std::vector<float> donor;
    if (const int64_t further = edit.config.edit->donor(); further > 0) {
      const int64_t other = (first_ + b + further) % sequences_;
      donor = donors_->at({layer, point}, other, head, H);
      lane.donor = donor.data();
      if (from >= 0) from = edit.donor_from[one_by_one() ? other : 0];
    }
    edit.config.edit->apply(lane, positions, from);
  });
}

void Edits::apply_to_ids(Point point, std::vector<int32_t>& ids, int64_t end) const {
  if (!edits(-1, point)) return;
  std::vector<float> values(ids.begin(), ids.end());
  const Tensor t{values.data(), {std::ssize(values), 1}};
  for (const Resolved& e : edits_)
    if (e.is_at(-1, point)) apply(e, -1, point, t);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!(values[i] >= 0 && values[i] < static_cast<float>(end)) ||
        values[i] != std::floor(values[i]))
      throw UsageError(point_name(-1, point),
                       fmt::format("{} is not an id in [0, {})", values[i], end));
    ids[i] = static_cast<int32_t>(values[i]);
  }
}

void Edits::edit_tokens(std::vector<int32_t>& tokens, int64_t vocabulary) const {
  apply_to_ids(Point::tokens, tokens, vocabulary);
}

void Edits::edit_features(std::vector<float>& features) const {
  const Tensor t{features.data(), {std::ssize(features) / model_.width, model_.width}};
  for (const Resolved& e : edits_)
    if (e.is_at(-1, Point::features)) apply(e, -1, Point::features, t);
}

void Edits::edit_positions(std::vector<int32_t>& positions) const {
  apply_to_ids(Point::positions, positions, model_.context);
}

}  // namespace waiver
