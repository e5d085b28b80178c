// What is wrong with a config once its data is known: found before anything is created.
#include "config_files.h"

using namespace waiver;

TEST_CASE("what only the opened data can tell has its place too") {
  const struct {
    const char *text, *message;
  } cases[] = {
      {"data: {edits: {fixed_at: [70], fixed_token: 3}}\n",
       "a.yaml:1:26: data.edits.fixed_at: position 70 is beyond the sequence. Positions go up to "
       "model.context − 1 = 63."},
      {"data:\n  triggers: 0\n  rule: dormant\n",
       "a.yaml:3:9: data.rule: dormant says what follows a trigger, but data.triggers is 0. Leave "
       "the rule out, or set data.triggers."},
      {"data: {kind: bigram_backcopy_random, triggers: 0, rule: markov}\n",
       "a.yaml:1:57: data.rule: markov says what follows a trigger, but data.triggers is 0. Leave "
       "the rule out, or set data.triggers."},
      {"model: {attention: {mask: {separator: 67}}}\ntrain: {objective: masked_token}\n",
       "a.yaml:1:39: model.attention.mask.separator: 67 is not a token id of this data. Ids go up "
       "to "
       "66; -1: one document."},
      {"data: {last: 1}\nmodel: {attention: {mask: {prefix: 64}}}\n",
       "a.yaml:2:36: model.attention.mask.prefix: nothing is left to predict in a sequence. Of 64 "
       "tokens, the prefix (64) is given, and tokens that are the same in every sequence are not "
       "predicted."},
      {"model: {attention: {mask: {kind: bidirectional, window: 3, prefix: 64}}}\n"
       "train: {objective: masked_token}\n",
       "a.yaml:1:68: model.attention.mask.prefix: nothing is left to predict in a sequence. Of 64 "
       "tokens, the prefix (64) is given, and tokens that are the same in every sequence are not "
       "predicted."},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(complaint_of([&] { open_data(parse(text, {"model.context=64"})); }) == message);
  }
}

TEST_CASE("tasks of features and models for them that do not belong together are refused") {
  const std::string frame = "train: {objective: regression}\n";
  const struct {
    const char *text, *message;
  } cases[] = {
      // vectors for dedicated tokens
      {"model: {input: features, width: 64, dedicated: {count: 2}}\ndata: {kind: nop}\n",
       "a.yaml:2:56: model.dedicated.count: 2 is not the number of dedicated tokens of data.kind "
       "nop (1). Write dedicated: {count: 1}, or change data.dedicated."},
      {"model: {input: features, width: 64}\ndata: {kind: nop}\n",
       "a.yaml:2:1: model.dedicated.count: 0 is not the number of dedicated tokens of data.kind "
       "nop "
       "(1). Write dedicated: {count: 1}, or change data.dedicated."},
      {"model: {input: features, width: 64, dedicated: {count: 1}}\ndata: {kind: broadcast}\n",
       "a.yaml:2:56: model.dedicated.count: 1 is not the number of dedicated tokens of data.kind "
       "broadcast (0). Write dedicated: {count: 0}, or change data.dedicated."},
      {"model: {input: features, width: 64, layers: 1, dedicated: {count: 1}, position: none, "
       "attention: {absent: [0]}}\ndata: {kind: nop}\n",
       "a.yaml:2:48: model.dedicated.into: no layer has attention. Write into: embeddings."},
      {"model: {input: features, width: 32}\ndata: {kind: nop, dedicated: none}\n",
       "a.yaml:2:33: model.width: 32 is not data.features (64). Features are as wide as the "
       "residual stream, since nothing embeds them."},
      // where they stand
      {"model: {input: features, width: 64, context: 8, dedicated: {count: 1}}\n"
       "data: {kind: nop, dedicated: {at: [8]}}\n",
       "a.yaml:3:35: data.dedicated.at: position 8 is beyond the sequence. Positions go up to "
       "model.context − 1 = 7."},
      {"model: {input: features, width: 64, context: 8, dedicated: {count: 2}}\n"
       "data: {kind: nop, dedicated: {at: [3, 3]}}\n",
       "a.yaml:3:35: data.dedicated.at: position 3 is named twice."},
      {"model: {input: features, width: 64, context: 8, dedicated: {count: 8}}\n"
       "data: {kind: nop, dedicated: {kind: random, count: 8}}\n",
       "a.yaml:3:19: data.dedicated: 8 dedicated tokens leave no other in a sequence of 8. There "
       "may be at most model.context − 1."},
      {"data: {kind: nop, dedicated: {kind: random, count: 65}}\n",
       "a.yaml:2:52: data.dedicated.count: expected a whole number in [1, 64], found 65."},
      {"data: {kind: nop, dedicated: {kind: random, at: [1]}}\n",
       "a.yaml:2:45: data.dedicated.at: only kind fixed has it; the kind here is random."},
      // the share of active tokens
      {"data: {kind: nop, active: 1.5}\n",
       "a.yaml:2:27: data.active: expected a number in [0, 1], found 1.5."},
      {"data: {kind: nop, active: -0.1}\n",
       "a.yaml:2:27: data.active: expected a number in [0, 1], found -0.1."},
      {"data: {kind: broadcast, active: 0.5}\n",
       "a.yaml:2:25: data.active: only kind nop has it; the kind here is broadcast."},
      // what else enters attention, or does not
      {"model: {input: features, width: 64, norm: {place: post, final: false}}\n"
       "data: {kind: broadcast}\n",
       "a.yaml:2:64: model.norm.final: with place: post there is none before the output anyway. "
       "Leave it out."},
      {"model: {input: features, width: 64, layers: 2, attention: {absent: [1]}, "
       "position: [{kind: learned, into: attention}, {kind: learned, into: attention}]}\n"
       "data: {kind: broadcast}\n",
       "a.yaml:2:119: model.position[1]: layer 1 has learned, but no attention for it to act in. "
       "The "
       "list counts layers from 0."},
      {"model: {input: features, width: 64, layers: 1, attention: {absent: [0]}, "
       "position: {kind: learned, into: attention}}\ndata: {kind: broadcast}\n",
       "a.yaml:2:74: model.position: learned acts in attention, but no layer has it."},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(complaint_of([&] { open_data(parse(frame + text)); }) == message);
  }
  CHECK(complaint("model: {dedicated: {count: 1}}\n") ==
        "a.yaml:1:9: model.dedicated: these vectors stand in for features, but model.input is "
        "tokens, which are embedded. Leave it out.");
  CHECK(complaint_of([&] {
          open_data(parse(frame +
                          "model: {input: features, width: 64, context: 8, dedicated: {count: 1}}\n"
                          "data: {kind: nop, active: 1, dedicated: {kind: random, count: 1}}\n"));
        }) == "(no complaint)");
}
