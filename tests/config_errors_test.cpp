#include "config/suggest.h"
#include "config_files.h"

using namespace waiver;

namespace {

// The names of the registry in place of {encodings}.
std::string with_names(std::string message) {
  const std::string placeholder = "{encodings}";
  std::vector<std::string> names;
  for (const auto& entry : registry<PositionEncoding>()) names.emplace_back(entry.name);
  if (const size_t at = message.find(placeholder); at != message.npos)
    message.replace(at, placeholder.size(), join_or(names));
  return message;
}

}  // namespace

TEST_CASE("every bad config is refused with its place, its key, what is allowed, and a hint") {
  const struct {
    const char *text, *message;
  } cases[] = {
      // unknown keys
      {"model:\n  positon: {kind: rope}\n",
       "a.yaml:2:3: model.positon: unknown key. Did you mean model.position?"},
      {"modle: {width: 64}\n", "a.yaml:1:1: modle: unknown key. Did you mean model?"},
      {"train: {lr: 0.1}\n", "a.yaml:1:9: train.lr: unknown key. Did you mean train.optimizer.lr?"},
      {"train: {width: 64}\n",
       "a.yaml:1:9: train.width: unknown key. Did you mean model.width or model.mlp.width?"},
      {"width: 64\n",
       "a.yaml:1:1: width: unknown key. Did you mean model.width or model.mlp.width?"},
      {"model: {zzzzz: 1}\n", "a.yaml:1:9: model.zzzzz: unknown key."},
      {"model.width: 64\n",
       "a.yaml:1:1: model.width: unknown key. Dots are for the command line; in a file, nest "
       "blocks."},
      {"train: {optimizer: {kind: adamw, beta: 0.9}}\n",
       "a.yaml:1:34: train.optimizer.beta: unknown key. Did you mean train.optimizer.betas?"},
      // keys of another kind
      {"model:\n  position: {kind: alibi, base: 500}\n",
       "a.yaml:2:27: model.position.base: only kind rope has it; the kind here is alibi."},
      {"train: {optimizer: {largest_axis: 64}}\n",
       "a.yaml:1:21: train.optimizer.largest_axis: only kind ortho_adam has it; the kind here is "
       "adamw."},
      {"train: {schedule: {final: 0.1}}\n",
       "a.yaml:1:20: train.schedule.final: only kinds cosine and linear have it; the kind here is "
       "constant."},
      {"model: {init: {std: 0.1, kind: fan_in}}\n",
       "a.yaml:1:16: model.init.std: only kinds gpt2 and normal have it; the kind here is fan_in."},
      {"data: {kind: tokens, path: x, train: a, validation: b}\n",
       "a.yaml:1:22: data.path: only kind text has it; the kind here is tokens."},
      // duplicate keys
      {"model:\n  width: 64\n  width: 128\n",
       "a.yaml:3:3: model.width: the key appears twice. The first is at a.yaml:2:3."},
      {"seed: {init: 1}\nseed: {init: 2}\n",
       "a.yaml:2:1: seed: the key appears twice. The first is at a.yaml:1:1."},
      // whole numbers
      {"model: {width: abc}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found \"abc\"."},
      {"model: {width: true}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found true."},
      {"model: {width: \"64\"}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found \"64\". Remove the "
       "quotes."},
      {"model: {width: 64.5}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found 64.5."},
      {"train: {steps: 1e3}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found 1e3. Write 1000."},
      {"train: {steps: 1_000}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found \"1_000\"."},
      {"train: {steps: 0x10}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found \"0x10\"."},
      {"model:\n  width:\n",
       "a.yaml:2:3: model.width: expected a whole number in [1, 65536], found nothing."},
      {"model: {width: [64]}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found a list. A run has "
       "one "
       "value; several are an experiment's grid (waiver sweep)."},
      {"model: {width: {a: 64}}\n",
       "a.yaml:1:9: model.width: expected a whole number in [1, 65536], found a block."},
      {"model: {mlp: {kind: {kind: gelu}}}\n",
       "a.yaml:1:15: model.mlp.kind: expected one of relu, gelu, gelu_tanh, swiglu, linear or "
       "none, found a "
       "block. Write the word alone; options, where it has some, stand beside it."},
      {"model: {width: 0}\n",
       "a.yaml:1:16: model.width: expected a whole number in [1, 65536], found 0."},
      {"train: {steps: -1}\n",
       "a.yaml:1:16: train.steps: expected a whole number of at least 0, found -1."},
      {"seed: {init: 9223372036854775808}\n",
       "a.yaml:1:14: seed.init: expected a whole number of at least 0, found 9223372036854775808. "
       "It does not fit into 64 bits."},
      // numbers
      {"train: {optimizer: {lr: fast}}\n",
       "a.yaml:1:25: train.optimizer.lr: expected a number of at least 0, found \"fast\"."},
      {"train: {clip: nan}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found nan."},
      {"train: {clip: inf}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found inf."},
      {"train: {clip: .inf}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found \".inf\"."},
      {"train: {clip: 1e999}\n",
       "a.yaml:1:15: train.clip: expected a number of at least 0, found 1e999. It does not fit "
       "into 64 bits."},
      {"model: {norm: {eps: 0}}\n",
       "a.yaml:1:21: model.norm.eps: expected a number above 0, found 0."},
      {"data: {kind: text, path: a, split: 1}\n",
       "a.yaml:1:36: data.split: expected a number in (0, 1), found 1."},
      // true or false
      {"model: {mlp: {bias: yes}}\n",
       "a.yaml:1:21: model.mlp.bias: expected true or false, found \"yes\"."},
      {"model: {mlp: {bias: 1}}\n",
       "a.yaml:1:21: model.mlp.bias: expected true or false, found 1."},
      {"model: {mlp: {bias: 'true'}}\n",
       "a.yaml:1:21: model.mlp.bias: expected true or false, found \"true\". Remove the quotes."},
      // lists
      {"train: {optimizer: {betas: [0.9]}}\n",
       "a.yaml:1:28: train.optimizer.betas: expected a list of 2 numbers in [0, 1), found a list "
       "of 1."},
      {"train: {optimizer: {betas: [0.9, 1.0]}}\n",
       "a.yaml:1:34: train.optimizer.betas[1]: expected a number in [0, 1), found 1.0."},
      {"probe: {first: 4}\n",
       "a.yaml:1:16: probe.first: expected a list of whole numbers of at least 0, found 4. Write "
       "[4]."},
      {"probe:\n  first: [1, x,\n    3.5]\n",
       "a.yaml:2:14: probe.first[1]: expected a whole number of at least 0, found \"x\".\n"
       "a.yaml:3:5: probe.first[2]: expected a whole number of at least 0, found 3.5."},
      // choices, kinds, blocks, text
      {"model: {mlp: {kind: rellu}}\n",
       "a.yaml:1:21: model.mlp.kind: expected one of relu, gelu, gelu_tanh, swiglu, linear or "
       "none, found "
       "\"rellu\". Did you mean relu?"},
      {"model: {init: {kind: gpt, std: 0.1}}\n",
       "a.yaml:1:22: model.init.kind: expected one of fan_in, torch, gpt2 or normal, found "
       "\"gpt\". Did you mean gpt2?"},
      {"model: {attention: {mask: casual}}\n",
       "a.yaml:1:27: model.attention.mask: expected one of causal or bidirectional, found "
       "\"casual\". Did you mean causal?"},
      {"model:\n  position: {kind: absolut, base: 3}\n",
       "a.yaml:2:20: model.position: expected one of {encodings}, found \"absolut\". Did you mean "
       "absolute?"},
      {"model: {position: [rope]}\n",
       "a.yaml:1:19: model.position: the list has 1 encoding, but model.layers is 2. A list has "
       "one per layer."},
      {"model: {position: []}\n",
       "a.yaml:1:19: model.position: expected a kind, or a list with one per layer, found a "
       "list."},
      {"model: {position: [rope, [none]]}\n",
       "a.yaml:1:26: model.position[1]: expected a kind or a block of keys with a kind, found a "
       "list."},
      {"model: {position: [{kind: alibi, base: 3}, rop]}\n",
       "a.yaml:1:34: model.position[0].base: only kind rope has it; the kind here is alibi.\n"
       "a.yaml:1:44: model.position[1]: expected one of {encodings}, found \"rop\". Did you mean "
       "rope?"},
      {"model: {position: [{kind: rope, bse: 3}, rope]}\n",
       "a.yaml:1:33: model.position[0].bse: unknown key. Did you mean model.position[0].base?"},
      {"model: {position: [rope, learned]}\n",
       "a.yaml:1:26: model.position[1]: learned acts on the embeddings, before any layer, and "
       "cannot be in a list. The list counts layers from 0."},
      {"model: {position: [rope, alibi], attention: {absent: [0]}}\n",
       "a.yaml:1:20: model.position[0]: layer 0 has rope, but no attention for it to act in. The "
       "list counts layers from 0."},
      {"model: {position: rope, attention: {absent: [0, 1]}}\n",
       "a.yaml:1:19: model.position: rope acts in attention, but no layer has it."},
      {"model: {width: 10, position: {kind: rope, fraction: 0.5}}\n",
       "a.yaml:1:20: model.position: rope rotates pairs of channels, but 0.5 of a head of width 10 "
       "is "
       "5."},
      {"model: {position: {kind: alibi, slopes: [0.5, 0.25]}}\n",
       "a.yaml:1:9: model.position: alibi has 2 slopes, but model.heads is 1."},
      {"model:\n  position:\n",
       "a.yaml:2:3: model.position: expected a kind or a block of keys with a kind, found "
       "nothing."},
      {"model: 5\n", "a.yaml:1:8: model: expected a block of keys, found 5."},
      {"train: {steps: 5}\ndata: text\n", "a.yaml:2:1: data.path: missing; it has no default."},
      {"data: {kind: text, path: [a, b]}\n",
       "a.yaml:1:26: data.path: expected text, found a list."},
      {"data: {kind: text, path: ''}\n", "a.yaml:1:26: data.path: expected text, found \"\"."},
      // keys that do not fit together
      {"model: {width: 100, heads: 3}\n",
       "a.yaml:1:16: model.width: 100 is not divisible by model.heads (3). Every head has width / "
       "heads channels, unless model.head_width says how many."},
      {"model:\n  heads: 3\n",
       "a.yaml:1:1: model.width: 128 is not divisible by model.heads (3). Every head has width / "
       "heads channels, unless model.head_width says how many."},
      {"model: {width: 9, heads: 3, position: rope}\n",
       "a.yaml:1:39: model.position: rope rotates pairs of channels, but a head of width 3 has an "
       "odd number of them."},
      {"model: {norm: {kind: none, place: post}}\n",
       "a.yaml:1:28: model.norm.place: only kinds layer and rms have it; the kind here is none."},
      {"model: {mlp: {kind: none, width: 3}}\n",
       "a.yaml:1:27: model.mlp.width: only kinds relu, gelu, gelu_tanh, swiglu and linear have it; "
       "the kind "
       "here is none."},
      {"model: {attention: {absent: [0, 2]}}\n",
       "a.yaml:1:29: model.attention.absent: there is no layer 2; model.layers is 2. Layers count "
       "from 0."},
      {"model: {mlp: {absent: [1, 1]}}\n",
       "a.yaml:1:23: model.mlp.absent: layer 1 is named twice."},
      {"model: {attention: {absent: [1]}, mlp: {absent: [1]}}\n",
       "a.yaml:1:29: model.attention.absent: layer 1 has no MLP either, so it would do nothing. "
       "Lower model.layers instead."},
      {"model: {attention: {absent: [0, 1], qk_norm: rms}}\n",
       "a.yaml:1:46: model.attention.qk_norm: no layer has attention, so this would change "
       "nothing."},
      {"model: {attention: {absent: [0, 1], gate: head}}\n",
       "a.yaml:1:43: model.attention.gate: no layer has attention, so this would change nothing."},
      {"model: {attention: {normalizer: relu, slot: key}}\n",
       "a.yaml:1:45: model.attention.slot: with relu the weight of a key does not depend on the "
       "other keys, so a key with value 0 would change nothing. Use slot: key_value, or a "
       "normalizer "
       "whose weights compete."},
      {"model: {context: 16, attention: {mask: {kind: causal, self_only: [16]}}}\n",
       "a.yaml:1:34: model.attention.mask: self_only names position 16; they count from 0, and "
       "model.context is 16."},
      {"model: {layers: 2, attention: {mask: {kind: causal, self_only: [3], self_only_layers: "
       "[2]}}}\n",
       "a.yaml:1:32: model.attention.mask: self_only_layers names layer 2; they count from 0, and "
       "model.layers is 2."},
      {"model: {attention: {mask: {kind: causal, self_only_layers: [0]}}}\n",
       "a.yaml:1:21: model.attention.mask: self_only_layers says where self_only applies, but "
       "self_only is empty."},
      {"model: {attention: {absent: [1], mask: {self_only: [3], self_only_layers: [1]}}}\n",
       "a.yaml:1:34: model.attention.mask: self_only_layers names layer 1, which has no "
       "attention."},
      {"model: {attention: {mask: {self_only: [3, 3]}}}\n",
       "a.yaml:1:21: model.attention.mask: self_only names 3 twice."},
      {"model:\n  attention:\n    absent: [0, 1]\n    normalizer: softpick\n    slot: key\n    "
       "mask: "
       "{window: 3}\n    bias: true\n    scale: none\n  dropout: {attention: 0.1}\n",
       "a.yaml:4:17: model.attention.normalizer: no layer has attention, so this would change "
       "nothing.\n"
       "a.yaml:5:11: model.attention.slot: no layer has attention, so this would change nothing.\n"
       "a.yaml:6:20: model.attention.mask.window: no layer has attention, so this would change "
       "nothing.\n"
       "a.yaml:7:11: model.attention.bias: no layer has attention, so this would change nothing.\n"
       "a.yaml:8:12: model.attention.scale: no layer has attention, so this would change nothing.\n"
       "a.yaml:9:24: model.dropout.attention: no layer has attention, so this would change "
       "nothing."},
      {"model: {position: none, attention: {absent: [0, 1], mask: {kind: bidirectional, prefix: "
       "3}}}\n",
       "a.yaml:1:53: model.attention.mask: no layer has attention, so this would change nothing."},
      {"model: {mlp: {absent: [0, 1]}}\n",
       "a.yaml:1:23: model.mlp.absent: it names every layer. Write mlp: {kind: none}."},
      {"model: {attention: {mask: bidirectional}}\n",
       "a.yaml:1:27: model.attention.mask: every query sees the next token, which it must predict. "
       "Write train.objective: masked_token."},
      {"data: trigger_average\ntrain: {objective: regression}\n"
       "model: {input: features, width: 16, attention: {mask: {kind: bidirectional, prefix: 3}}}\n",
       "a.yaml:3:85: model.attention.mask.prefix: every query sees every token anyway, so this "
       "would change nothing."},
      {"model: {attention: {mask: {kind: causal, windw: 3}}}\n",
       "a.yaml:1:42: model.attention.mask.windw: unknown key. Did you mean "
       "model.attention.mask.window?"},
      {"model: {attention: {gate: {kind: head, open: 1}}}\n",
       "a.yaml:1:46: model.attention.gate.open: expected a number in (0, 1), found 1."},
      {"model: {attention: {gate: {kind: head, per: head}}}\n",
       "a.yaml:1:40: model.attention.gate.per: only kind output has it; the kind here is head."},
      {"train: {batch: 64, accumulate: 3}\n",
       "a.yaml:1:32: train.accumulate: 3 does not divide train.batch (64). Every part of a batch "
       "has batch / accumulate sequences."},
      {"model: {context: 48}\ntrain: {tokens: 1000}\n",
       "a.yaml:2:17: train.tokens: 1000 is not a multiple of model.context (48). A step has whole "
       "sequences."},
      {"train: {objective: {kind: masked_token, mask: 0.8, random: 0.3}}\n",
       "a.yaml:1:9: train.objective: the shares mask and random add up to more than 1."},
      // tokens and real-valued features
      {"data: trigger_average\n",
       "a.yaml:1:1: model.input: the model takes tokens, but data.kind trigger_average gives "
       "real-valued features. Write input: features.\n"
       "a.yaml:1:1: train.objective: next_token is for tokens, but data.kind trigger_average gives "
       "real-valued features. Write objective: regression."},
      {"model: {input: features}\n",
       "a.yaml:1:16: model.input: the model takes features, but data.kind bigram_backcopy gives "
       "tokens. Write input: tokens."},
      {"train: {objective: regression}\n",
       "a.yaml:1:20: train.objective: regression is for real-valued answers, but data.kind "
       "bigram_backcopy gives tokens. Write objective: next_token."},
      {"model: {input: features, width: 24, output: {tied: true, bias: true},\n"
       "        attention: {mask: {kind: causal, separator: 0}}}\n"
       "data: trigger_average\ntrain: {objective: masked_token}\n",
       "a.yaml:1:33: model.width: 24 is not data.features (16). Features are as wide as the "
       "residual stream, since nothing embeds them.\n"
       "a.yaml:1:52: model.output.tied: the output is tied to a token embedding, but model.input "
       "is "
       "features.\n"
       "a.yaml:1:64: model.output.bias: the bias is on logits of tokens, but model.input is "
       "features.\n"
       "a.yaml:2:53: model.attention.mask.separator: documents are separated by a token, but "
       "model.input is features.\n"
       "a.yaml:4:20: train.objective: masked_token is for tokens, but data.kind trigger_average "
       "gives real-valued features. Write objective: regression."},
      {"data: {kind: trigger_average, edits: {random: [0, 2]}}\n",
       "a.yaml:1:31: data.edits: only kinds bigram_backcopy, bigram_backcopy_random, text, tokens "
       "and unigram have it; the kind here is trigger_average."},
      {"model: {sink_tokens: 1, position: none, attention: {absent: [0, 1]}}\n",
       "a.yaml:1:22: model.sink_tokens: no layer has attention, so this would change nothing."},
      {"train: {objective: {rate: 0.2}}\n",
       "a.yaml:1:21: train.objective.rate: only kind masked_token has it; the kind here is "
       "next_token."},
      {"train: {objective: {kind: masked_token, rate: 0}}\n",
       "a.yaml:1:47: train.objective.rate: expected a number in (0, 1], found 0."},
      {"data: {rule: {p: 0.5}}\n",
       "a.yaml:1:15: data.rule.p: only kind interpolate has it; the kind here is copy."},
      {"train: {freeze: [embed.*, block.0.*, output.wieght]}\n",
       "a.yaml:1:17: train.freeze: no parameter of this model is called \"block.0.*\". Did you "
       "mean "
       "blocks.0.*?\n"
       "a.yaml:1:17: train.freeze: no parameter of this model is called \"output.wieght\". Did you "
       "mean output.weight?"},
      {"model: {layers: 2}\ntrain: {freeze: [blocks.2.*]}\n",
       "a.yaml:2:17: train.freeze: no parameter of this model is called \"blocks.2.*\". Did you "
       "mean "
       "blocks.0.* or blocks.1.*?"},
      {"train: {freeze: ['*']}\n", "a.yaml:1:17: train.freeze: nothing is left to learn."},
      {"train: {freeze: embed.*}\n",
       "a.yaml:1:17: train.freeze: expected a list of texts, found \"embed.*\". Write "
       "[\"embed.*\"]."},
      {"train: {freeze: [embed.*, {a: 1}]}\n",
       "a.yaml:1:17: train.freeze: expected a list of texts, found a list."},
      {"train:\n  optimizer: {kind: sgd, momentum: 0, nesterov: true}\n",
       "a.yaml:2:3: train.optimizer: nesterov needs a momentum above 0."},
      {"probe: {every: 0, snapshots: [0]}\n",
       "a.yaml:1:30: probe.snapshots: there are none without probes (probe.every is 0). Write "
       "snapshots: []."},
      // no config at all
      {"model: {width: 64\n", "a.yaml:2:1: this is not YAML: end of map flow not found."},
      {"model:\n\twidth: 64\n",
       "a.yaml:2:1: a tab indents this line. YAML is indented with spaces only."},
      {"- model\n", "a.yaml:1:1: expected blocks of keys, such as `model:` and `train:`."},
      {"model: &m {width: 64}\ntrain: *m\n",
       "a.yaml:2:8: aliases (*name) are not supported. Write the value again, or share it through "
       "base:."},
      {"seed: {init: 1}\n---\nseed: {init: 2}\n",
       "a.yaml:3:1: a second YAML document begins here. One file holds one document."},
      {"[a, b]: 3\n",
       "a.yaml:1:1: a key must be a word. Quote a value that begins with a special character of "
       "YAML."},
      {"base: nowhere.yaml\n",
       "a.yaml:1:7: base: nowhere.yaml: cannot be opened: No such file or directory."},
      {"base: [x]\n",
       "a.yaml:1:7: base: expected the path of a config file, relative to this one."},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(complaint(text) == with_names(message));
  }
}

TEST_CASE("a bad override is named as it was written") {
  const struct {
    const char *override, *message;
  } cases[] = {
      {"model.width=abc",
       "override model.width=abc: model.width: expected a whole number in [1, 65536], found "
       "\"abc\"."},
      {"model.wdith=3",
       "override model.wdith=3: model.wdith: unknown key. Did you mean model.width?"},
      {"model.width=",
       "override model.width=: model.width: expected a whole number in [1, 65536], found nothing."},
      {"model.width",
       "override model.width: expected key.path=value. For example model.position.kind=rope."},
      {"model..width=3",
       "override model..width=3: expected key.path=value. For example model.position.kind=rope."},
      {"train.optimizer.betas=[0.9,",
       "override train.optimizer.betas=[0.9,: this is not YAML: end of sequence flow not found."},
  };
  for (const auto& [override, message] : cases) {
    CAPTURE(override);
    CHECK(complaint("", {override}) == message);
  }
  CHECK(complaint("model:\n  width: 64\n", {"model.heads=3"}) ==
        "a.yaml:2:10: model.width: 64 is not divisible by model.heads (3). Every head has width / "
        "heads channels, unless model.head_width says how many.");
}

TEST_CASE("all errors are reported at once, in the order of the file, overrides last") {
  CHECK(complaint("train: {lr: 1}\nmodel:\n  width: x\n  heads: 0\n", {"seed.init=-1"}) ==
        "a.yaml:1:9: train.lr: unknown key. Did you mean train.optimizer.lr?\n"
        "a.yaml:3:10: model.width: expected a whole number in [1, 65536], found \"x\".\n"
        "a.yaml:4:10: model.heads: expected a whole number in [1, 1024], found 0.\n"
        "override seed.init=-1: seed.init: expected a whole number of at least 0, found -1.");
}

TEST_CASE("a missing file and a folder are refused") {
  const Folder folder;
  CHECK(complaint_of([&] { load_config(folder.path("no.yaml")); }) ==
        folder.path("no.yaml") + ": cannot be opened: No such file or directory.");
  CHECK(complaint_of([&] { load_config(folder.path("")); }) ==
        folder.path("") + ": this is a folder, not a file.");
}
