#include "probe/probe_batch.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/random.h"

namespace waiver {
namespace {

using Content = ProbeTokens::Content;
using Bos = ProbeTokens::Bos;

/// Which places of a sequence get a random token; place T is that of the last target.
class Places {
 public:
  Places(const Dataset& data, const ProbeTokens& tokens)
      : data_(data), own_(data.content()), tokens_(tokens) {
    if (tokens.bos == Bos::drop) dropped_ = std::ssize(data.front());
  }
  bool random(int64_t t, int32_t token) const {
    if (t < dropped_) return true;
    return tokens_.content == Content::random && !data_.fixed(t) && own_.contains(token);
  }
  int32_t draw(double u) const { return own_(u); }

 private:
  const Dataset& data_;
  TokenRange own_;
  ProbeTokens tokens_;
  int64_t dropped_ = 0;
};

void check_lengths(const Dataset& data, const Batch& batch) {
  const std::vector<int32_t>& all = batch.whole.empty() ? batch.inputs : batch.whole;
  for (int64_t b = 0; b < batch.batch; ++b)
    if (data.length(&all[b * batch.tokens], batch.tokens) == 0)
      throw UsageError("model.attention.mask.padding",
                       "sequence " + std::to_string(b) +
                           " of the probe batch is nothing but padding (token " +
                           std::to_string(data.padding()) + ")",
                       "Leave such sequences out of the data.");
}

// Gives sequence b the tokens x [T + 1] that it would have with nothing masked.
void put(Batch& batch, int64_t b, const std::vector<int32_t>& x) {
  const int64_t T = batch.tokens;
  for (int64_t t = 0; t < T; ++t) {
    const int64_t n = b * T + t;
    const bool hides = !batch.whole.empty();
    if (batch.targets[n] >= 0) batch.targets[n] = x[hides ? t : t + 1];
    if (!hides || batch.inputs[n] == batch.whole[n]) batch.inputs[n] = x[t];
    if (hides) batch.whole[n] = x[t];
  }
}

}  // namespace

Batch probe_batch(const Dataset& data, uint64_t seed, int64_t sequences, int64_t T,
                  const ProbeTokens& tokens) {
  if (tokens.content == Content::random && data.features() > 0)
    throw UsageError("tokens", "this data consists of features, which random tokens cannot replace",
                     "Take natural ones.");
  if (tokens.bos == Bos::drop && data.front().empty())
    throw UsageError("bos",
                     "there is none to drop: this data's sequences begin with no fixed token",
                     "Keep it.");
  Batch batch;
  batch.resize(sequences, T);
  data.batch(seed, Split::probe, 0, batch);
  check_lengths(data, batch);
  if (tokens.content == Content::natural && tokens.bos == Bos::keep) return batch;
  const Places places(data, tokens);
  const Random random(seed, "probe tokens");
  for (int64_t b = 0; b < sequences; ++b) {
    const std::vector<int32_t>& seen = batch.whole.empty() ? batch.inputs : batch.whole;
    std::vector<int32_t> x(&seen[b * T], &seen[b * T] + T);
    x.push_back(batch.targets[(b + 1) * T - 1]);
    for (int64_t t = 0; t <= T; ++t)
      if (places.random(t, x[t])) x[t] = places.draw(random.uniform(b * (T + 1) + t));
    put(batch, b, x);
  }
  return batch;
}

std::string token_text(const Dataset& data, int32_t token) {
  std::string text = data.text(token);
  if (const auto byte = static_cast<unsigned char>(text[0]);
      text.size() == 1 && (byte == 0 || byte >= 0x80))
    text = fmt::format("\\x{:02x}", byte);
  return text;
}

}  // namespace waiver
