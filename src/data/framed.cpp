#include "data/framed.h"

#include <algorithm>

#include "core/error.h"

namespace waiver {

void TokenEdits::visit(FieldVisitor& v) {
  v.field({"fixed_at",
           "positions that hold fixed_token, which overrides all else (Gu et al., 2410.10781)",
           at_least(0)},
          fixed_at);
  v.field({"fixed_token", "the token id at those positions; -1: none", at_least(-1)}, fixed_token);
  v.field({"random",
           "[a, b): positions a … b − 1 hold tokens drawn uniformly (Gu et al., 2410.10781); [0, "
           "0]: none",
           at_least(0), 2},
          random);
}

void FramedDataset::options(FieldVisitor& v) {
  v.field({"first",
           "how many copies of the first token, such as <s> or [CLS], every sequence begins with",
           between(0, 16)},
          first_);
  v.field({"last",
           "how many copies of the last token, such as </s> or [SEP], every sequence ends with; "
           "its id is the one after the data's",
           between(0, 16)},
          last_);
  v.field({"edits",
           "what replaces tokens of every sequence, in training and in measurements (Gu et al., "
           "2410.10781)"},
          edits_);
}

void FramedDataset::set_frame(int64_t context, int64_t ids, TokenRange content,
                              int32_t first_token) {
  vocabulary_ = ids + (last_ > 0 ? 1 : 0);
  content_ = std::move(content);
  last_token_ = last_ > 0 ? static_cast<int32_t>(ids) : -1;
  other_role_ = std::ssize(key_roles()) - 1;
  check_edits(context);
  places_.assign(context + 1, kData);
  std::fill_n(places_.begin(), first_, first_token);
  if (last_ > 0) {
    std::fill_n(places_.end() - 1 - last_, last_, last_token_);
    places_.back() = kNothing;
  }
  std::fill(places_.begin() + edits_.random[0], places_.begin() + edits_.random[1], kRandom);
  for (const int64_t t : edits_.fixed_at) places_[t] = static_cast<int32_t>(edits_.fixed_token);
  if (std::all_of(places_.begin(), places_.end() - 1, [](int32_t p) { return p >= 0; }))
    throw UsageError("data.edits.fixed_at", "no position is left for the data");
}

void FramedDataset::set_front(std::span<const int32_t> tokens) {
  std::ranges::copy(tokens, places_.begin());
}

std::string FramedDataset::frame_option() const {
  if (first_ > 0) return "data.first";
  if (last_ > 0) return "data.last";
  if (!edits_.fixed_at.empty()) return "data.edits.fixed_at";
  return edits_.random[1] > 0 ? "data.edits.random" : "";
}

void FramedDataset::check_edits(int64_t context) const {
  const std::string T = std::to_string(context);
  if (first_ + last_ >= context)
    throw UsageError("data.last",
                     std::to_string(first_) + " first and " + std::to_string(last_) +
                         " last tokens leave no room for the data",
                     "A sequence has model.context = " + T + " tokens.");
  for (const int64_t t : edits_.fixed_at)
    if (t >= context)
      throw UsageError(
          "data.edits.fixed_at", "position " + std::to_string(t) + " is beyond the sequence",
          "Positions go up to model.context − 1 = " + std::to_string(context - 1) + ".");
  if (edits_.fixed_at.empty() != (edits_.fixed_token < 0))
    throw UsageError("data.edits.fixed_token", "it goes together with data.edits.fixed_at",
                     "Give both or neither.");
  if (edits_.fixed_token >= vocabulary_)
    throw UsageError("data.edits.fixed_token",
                     std::to_string(edits_.fixed_token) + " is not a token id",
                     "Ids go up to " + std::to_string(vocabulary_ - 1) + ".");
  const bool none = edits_.random[0] == 0 && edits_.random[1] == 0;
  if ((!none && edits_.random[0] >= edits_.random[1]) || edits_.random[1] > context)
    throw UsageError("data.edits.random",
                     "[" + std::to_string(edits_.random[0]) + ", " +
                         std::to_string(edits_.random[1]) + ") is not a range of positions",
                     "It must lie within [0, model.context = " + T + "); [0, 0]: none.");
}

std::vector<int32_t> FramedDataset::front() const {
  const auto end = std::find_if(places_.begin(), places_.end(), [](int32_t p) { return p < 0; });
  return {places_.begin(), end};
}

std::vector<std::string> FramedDataset::key_roles() const {
  std::vector<std::string> names = {"first"};
  if (last_ > 0) names.push_back("separator");
  for (std::string& own : own_key_roles()) names.push_back(std::move(own));
  names.push_back("other");
  return names;
}

int64_t FramedDataset::key_role(const int32_t* inputs, int64_t t) const {
  if (const int64_t own = own_key_role(inputs[t], t); own >= 0) return (last_ > 0 ? 2 : 1) + own;
  if (is_first(t)) return 0;
  return inputs[t] == last_token_ ? 1 : other_role_;
}

std::string FramedDataset::text(int32_t token) const {
  return token == last_token_ ? "</s>" : word(token);
}

}  // namespace waiver
