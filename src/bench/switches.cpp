#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/workloads.h"
#include "config/config.h"

namespace waiver {
namespace {

// Options, besides the kinds of the registries.
constexpr const char* kOptions[] = {"model.position={kind: rope, fraction: 0.25}",
                                    "model.position={kind: rope, interpolation: 2}",
                                    "model.position={kind: alibi, slopes: [1, 0.5]}",
                                    "model.position={kind: relative, bidirectional: true}",
                                    "model.position=[rope, none, alibi, relative]",
                                    "model.kv_heads=1",
                                    "model.head_width=32",
                                    "model.attention.mask.window=64",
                                    "model.attention.mask.prefix=32",
                                    "model.attention.mask.separator=0",
                                    "model.attention.mask.self_only=[1, 128]",
                                    "model.attention.normalizer={kind: sigmoid, normalized: true}",
                                    "model.attention.slot={kind: key_value, value_norm: 1}",
                                    "model.attention.scale=none",
                                    "model.attention.bias=all",
                                    "model.attention.bias=qkv",
                                    "model.attention.gate={kind: output, per: head}",
                                    "model.attention.absent=[0]",
                                    "model.mlp.bias=true",
                                    "model.mlp.absent=[0]",
                                    "model.norm.bias=false",
                                    "model.norm.place=post",
                                    "model.norm.place=sandwich",
                                    "model.norm.final=false",
                                    "model.norm.embedding=true",
                                    "model.block=parallel",
                                    "model.token_types.count=2",
                                    "model.position={kind: learned, into: attention}",
                                    "model.output.transform=gelu",
                                    "model.output.tied=true",
                                    "model.output.bias=true",
                                    "model.sink_tokens=1",
                                    "model.residual=false",
                                    "model.dropout.attention=0.1",
                                    "model.dropout.residual=0.1",
                                    "model.dropout.embedding=0.1",
                                    "train.objective=masked_token",
                                    "train.optimizer={kind: sgd, nesterov: true}",
                                    "train.optimizer.decay=matrices",
                                    "train.freeze=[embed.*]",
                                    "model.precision=bfloat16"};

Workload with(const Workload& plain, const std::vector<std::string>& setting) {
  Config config;
  config.model = plain.model;
  config.train = plain.train;
  config = parse_config(to_yaml(config), plain.name, setting);
  Workload out = plain;
  out.model = config.model;
  out.train = config.train;
  out.setting = fmt::format("{}", fmt::join(setting, " "));
  return out;
}

// A mask that shows the next token is timed with masked tokens, so its row reflects both changes.
std::vector<std::string> that_predicts(const std::string& key, std::string_view kind) {
  std::vector<std::string> setting = {fmt::format("{}={}", key, kind)};
  if (key == "model.attention.mask" && Kind<Mask>(kind)->sees_future())
    setting.emplace_back("train.objective=masked_token");
  return setting;
}

// An MLP with another number of matrices gets the width at which its products cost the same as
// those of the plain one, to the nearest multiple of 8.
Workload at_equal_cost(const Workload& plain, const Workload& other) {
  const int64_t from = plain.model.mlp.kind->products(), to = other.model.mlp.kind->products();
  if (to == 0 || to == from) return other;
  const int64_t width = (from * plain.model.mlp.width + 4 * to) / (8 * to) * 8;
  return with(plain, {other.setting, fmt::format("model.mlp.width={}", width)});
}

// Every kind of a registry except the plain workload's own.
template <class T>
void add_kinds(std::vector<Workload>& out, const std::string& key, const Kind<T>& plain_kind) {
  const Workload plain = plain_workload();
  for (const Registered<T>& entry : registry<T>()) {
    if (entry.name == plain_kind.name()) continue;
    out.push_back(at_equal_cost(plain, with(plain, that_predicts(key, entry.name))));
  }
}

}  // namespace

std::vector<Workload> switch_workloads() {
  std::vector<Workload> out;
  const Workload plain = plain_workload();
  const ModelConfig& m = plain.model;
  add_kinds(out, "model.position", m.position.of_layer(0));
  add_kinds(out, "model.attention.mask", m.attention.mask);
  add_kinds(out, "model.attention.normalizer", m.attention.normalizer);
  add_kinds(out, "model.attention.slot", m.attention.slot);
  add_kinds(out, "model.attention.qk_norm", m.attention.qk_norm);
  add_kinds(out, "model.attention.gate", m.attention.gate);
  add_kinds(out, "model.mlp.kind", m.mlp.kind);
  add_kinds(out, "model.norm.kind", m.norm.kind);
  add_kinds(out, "train.optimizer", plain.train.optimizer);
  for (const char* option : kOptions) out.push_back(with(plain, {option}));
  return out;
}

}  // namespace waiver
