#include "model/attention/mask.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/padding.h"
#include "core/threads.h"

namespace waiver {

void Mask::options(FieldVisitor& v) {
  v.field({"window", "a query sees keys closer than this (Beltagy et al., 2004.05150); 0: no limit",
           at_least(0)},
          window_);
  v.field({"prefix",
           "the first tokens of a sequence, seen by every query of their document; none of them is "
           "predicted (Gu et al., 2410.10781)",
           at_least(0)},
          prefix_);
  v.field({"separator",
           "token id that ends a document; no query sees another document (as in Llama 3, "
           "2407.21783), nor that document's part of the prefix; -1: one document",
           at_least(-1)},
          separator_);
  v.field({"padding",
           "token id that fills up sequences at their end: no other token sees it, and no metric "
           "looks at it; -1: none does",
           at_least(-1)},
          padding_);
  v.field(
      {"self_only", "positions that see only themselves (2605.06611); later queries still see them",
       at_least(0)},
      self_only_);
  v.field({"self_only_layers", "blocks in which self_only holds; empty: all", at_least(0)},
          layers_);
}

std::string Mask::refuse(int64_t context, const std::vector<bool>& attends) const {
  for (const auto* list : {&self_only_, &layers_})
    for (int64_t k : *list)
      if (std::ranges::count(*list, k) > 1)
        return fmt::format("{} names {} twice", list == &layers_ ? "self_only_layers" : "self_only",
                           k);
  for (int64_t k : self_only_)
    if (k >= context)
      return fmt::format("self_only names position {}; they count from 0, and model.context is {}",
                         k, context);
  for (int64_t l : layers_) {
    if (l >= std::ssize(attends))
      return fmt::format(
          "self_only_layers names layer {}; they count from 0, and model.layers is {}", l,
          attends.size());
    if (!attends[l])
      return fmt::format("self_only_layers names layer {}, which has no attention", l);
  }
  if (self_only_.empty() && !layers_.empty())
    return "self_only_layers says where self_only applies, but self_only is empty";
  if (prefix_ > context)
    return fmt::format("a prefix of {} is longer than model.context ({})", prefix_, context);
  return {};
}

VisibleKeys Mask::visible(int64_t query, int64_t tokens) const {
  if (sinks_ == 0) return visible_tokens(query, tokens);
  if (query < sinks_) return {{}, {}, {0, sinks_}};
  VisibleKeys keys = visible_tokens(query - sinks_, tokens - sinks_);
  for (KeyRange* range : {&keys.lead, &keys.main}) range->begin += sinks_, range->end += sinks_;
  keys.sinks = {0, sinks_};
  return keys;
}

VisibleKeys Mask::visible_tokens(int64_t query, int64_t tokens) const {
  for (int64_t k : self_only_)
    if (k == query) return {{}, {query, query + 1}};
  KeyRange main = open_side(query, tokens);
  if (const int64_t reach = std::min(window_, tokens); reach > 0)
    main = main.within(query - reach + 1, query + reach);
  const int64_t lead = std::min(prefix_, tokens);
  if (main.begin <= lead) return {{}, {lead > 0 ? 0 : main.begin, std::max(main.end, lead)}};
  return {{0, lead}, main};
}

bool Mask::prefix_shows_more() const {
  return prefix_ > 0 && (window_ > 0 || open_side(0, 2).end < 2);
}

bool Mask::sees_future() const { return window_ != 1 && open_side(0, 2).end > 1; }

void Mask::settle(int64_t layer, int64_t sinks) {
  sinks_ = sinks;
  if (!layers_.empty() && std::find(layers_.begin(), layers_.end(), layer) == layers_.end())
    self_only_.clear();
}

void find_documents(const int32_t* tokens, int64_t batch, int64_t length, const Mask& mask,
                    int64_t sinks, KeyRange* documents) {
  const int64_t separator = mask.separator();
  parallel_tiles(batch, [&](int64_t b) {
    KeyRange* of_sequence = documents + b * (sinks + length);
    std::fill_n(of_sequence, sinks, KeyRange{});
    const int64_t text = length_without(mask.padding(), tokens + b * length, length);
    for (int64_t begin = 0; begin < length;) {
      const int64_t most = begin < text ? text : length;
      int64_t end = begin < text ? begin + 1 : length;
      while (end < most && tokens[b * length + end - 1] != separator) ++end;
      std::fill_n(of_sequence + sinks + begin, end - begin, KeyRange{sinks + begin, sinks + end});
      begin = end;
    }
  });
}

}  // namespace waiver
