// `waiver probe --text`: a text that its user gives.
#include <cmath>

#include "given_probe.h"
#include "inspect/given.h"
#include "inspect/probe_report.h"
#include "run/events.h"

namespace waiver {

TEST_CASE("a text that is the data's own gives the numbers of the data's probe") {
  for (const char* options : {"tokenizer: byte, last: 1", "tokenizer: char, first: 2, last: 2",
                              "tokenizer: char, last: 1"}) {
    CAPTURE(options);
    Probed run;
    run.put("text", text_of(20));
    run.train("{kind: text, path: " + run.path("text") + ", " + options + "}");
    const Log natural = run.log({"probe.batch=1"});
    const Names tokens = natural.strings("probe", "tokens");
    const size_t first = contains(options, "first") ? 2 : 0,
                 last = contains(options, "last: 2") ? 2 : 1;
    check_same(run.log({"--text", joined(tokens, first, 16 - last)}), natural);
  }
}

TEST_CASE("a task's text is judged by the task, also at another length") {
  Probed run;
  run.train("{kind: bigram_backcopy, last: 1}");
  for (const char* context : {"16", "11", "30"}) {
    CAPTURE(context);
    const Log natural = run.log({"probe.batch=1", std::string("model.context=") + context});
    const Names tokens = natural.strings("probe", "tokens");
    REQUIRE(natural.has("probe", "backcopy_risk"));
    check_same(run.log({"--text", joined(tokens, 1, tokens.size() - 1)}), natural);
    CHECK(contains(run.printed,
                   fmt::format("{} tokens: <s>, as every sequence of the data begins; {} of the "
                               "text; </s>, as every one ends\n",
                               tokens.size(), tokens.size() - 2)));
  }
}

TEST_CASE("a text without tokens around it has no last target, and all else as in the data") {
  Probed run;
  run.put("text", text_of(20));
  run.train("{kind: text, path: " + run.path("text") + ", tokenizer: byte}");
  const Log natural = run.log({"probe.batch=1"});
  const Names tokens = natural.strings("probe", "tokens");
  const Log given = run.log({"--text", joined(tokens, 0, 16)});
  CHECK(contains(run.printed, "\n16 tokens: 16 of the text; nothing is added\n"));
  for (const std::string& name : natural.names("probe")) {
    if (name == "tokens" || name == "loss" || name == "gradient_sink") continue;
    CAPTURE(name);
    CHECK(same_numbers(given.read("probe", name).values, natural.read("probe", name).values));
  }
  // A byte that is no character, and one that has none.
  const Log bytes = run.log({"--text", "\xff\x01 caf\xc3\xa9\n"});
  CHECK(bytes.strings("probe", "tokens") ==
        Names{"\\xff", "\x01", " ", "c", "a", "f", "\\xc3", "\\xa9", "\n"});
  const auto table = table_of(run.printed);
  CHECK(table.at(1)[1] == "\\x01");
  CHECK(table.at(8)[1] == "\\n");
}

TEST_CASE("the table says what the log says, with roles") {
  Probed run;
  run.train("{kind: bigram_backcopy, last: 1}");
  const Log log = run.log({"--text", "the cat eats"});
  const auto table = table_of(run.printed);
  CHECK(table.size() == 14);
  const WaiverPlace place = *strongest_waiver(log);
  const auto alpha = log.read("probe", "received_attention").values,
             ratio = log.read("probe", "value_ratio").values,
             residual = log.read("probe", "residual_ratio").values;
  CHECK(contains(run.printed, fmt::format("α {}.{} ", place.layer, place.head)));
  const Names roles = {"first", "trigger", "other", "trigger"};
  for (int64_t t = 0; t < 4; ++t) CHECK(table.at(t)[2] == roles[t]);
  CHECK(table.at(13)[1] == "</s>");
  CHECK(table.at(13)[2] == "separator");
  for (const auto& [t, cells] : table) {
    if (cells[1] == "\"") continue;  // a space
    CAPTURE(t);
    const int64_t at = (place.layer * 2 + place.head) * 14 + t;
    if (t == 13) {
      CHECK(cells[3] == "–");
      CHECK(cells[4] == "–");
    } else {
      CHECK(cells[3] == fmt::format("{:.3f}", alpha[at]));
      double sum = 0;
      for (int64_t head = 0; head < 4; ++head) sum += alpha[head * 14 + t];
      CHECK(std::stod(cells[4]) == doctest::Approx(sum / 4).epsilon(5e-3));  // of three decimals
    }
    CHECK(cells[5] == fmt::format("{:.3f}", ratio[at]));
    CHECK(cells[6] == fmt::format("{:.2f}", residual[14 + t]));
  }
}

TEST_CASE("of a long text the table shows the positions that receive the most, in their order") {
  Probed run;
  run.train("{kind: bigram_backcopy}");
  const Log log = run.log({"--text", "the dog that the cat bit ran to the hill"});
  const auto table = table_of(run.printed);
  CHECK(table.size() == 12);
  CHECK(contains(run.printed, "\nand 29 other positions, which receive less in head "));
  const WaiverPlace place = *strongest_waiver(log);
  const auto alpha = log.read("probe", "received_attention").values;
  double least = 1;
  for (const auto& [t, cells] : table)
    least = std::min(least, alpha[(place.layer * 2 + place.head) * 41 + t]);
  CHECK(table.contains(place.key));
  for (int64_t t = 0; t < 31; ++t)  // the first three quarters, which many queries see
    if (!table.contains(t)) CHECK(alpha[(place.layer * 2 + place.head) * 41 + t] <= least);
  for (int64_t t = 31; t < 41; ++t) CHECK_FALSE(table.contains(t));
}

TEST_CASE("a key that few queries see is shown only where too few are seen by many") {
  Probed run;
  run.train("{kind: bigram_backcopy}");
  SavedModel saved = open_given(run.path("run"), {},
                                {"the dog that the cat bit ran to the hill", {}}, {.probes = true});
  load_model(saved);
  Log log = probe_saved(saved, {}, run.path("x.h5"));
  std::vector<std::pair<std::string, std::vector<float>>> values;
  for (const std::string& name : log.names("probe"))
    if (name != "tokens" && name != "key_visibility") {
      const std::vector<double> all = log.read("probe", name).values;
      values.emplace_back(name, std::vector<float>(all.begin(), all.end()));
      if (name != "received_attention") continue;
      for (const int64_t t : {20, 38}) values.back().second[41 + t] = 0.5f;  // in head 0.1
    }
  Log::Row row;
  for (const auto& [name, numbers] : values) row.emplace_back(name, std::span(numbers));
  log.append("probe", saved.step + 1, row);
  const std::string text = "\n" + sequence_table(saved, log);
  const auto table = table_of(text);
  CHECK(contains(text, "the head with the most on a single key, 20;"));
  CHECK(table.size() == 12);
  CHECK(table.at(20)[3] == "0.500");
  CHECK_FALSE(table.contains(38));
}

TEST_CASE("a text that has no tokens, too few or too many is refused by name") {
  Probed run;
  run.put("text", text_of(20));
  run.train("{kind: text, path: " + run.path("text") + ", first: 1}", "",
            "model: {layers: 1, heads: 2, width: 16, context: 16, position: learned, mlp: {width: "
            "16}}\n");
  run.refuses({"--text", "capé"},
              "--text: the character 'é' does not occur in " + run.path("text"));
  run.refuses({"--text", "\xff"}, "--text: it is not UTF-8: byte 0 is 0xFF.");
  run.refuses({"--text", ""}, "--text: a sequence of 1 token is too short: it needs 2 or more.");
  run.refuses({"--text", "in a particular place"},
              "--text: this model does not take a sequence of 22 tokens: model.context: 22 is more "
              "than the 16 positions that the model was trained with, and learned adds a vector");
  CHECK(run.probe({"--text", "in a particular"}).status == 0);
  // Nor are mechanism tests in training, which need longer sequences, asked for.
  CHECK(run.probe({"--text", "i", "probe.mechanism=[20]"}).status == 0);
  run.refuses({"--text", "in", "model.context=8"},
              "model.context=8: --text says how many tokens there are. Omit it.");
  run.refuses({"--text", "in", "probe.batch=8"}, "probe.batch=8: --text says how many");
}

TEST_CASE("what a mask or the data fixes at places beyond the text is named") {
  Probed run;
  run.train("{kind: bigram_backcopy, edits: {fixed_at: [9], fixed_token: 66}}");
  run.refuses({"--text", "the cat"}, "--text: this model does not take a sequence of 8 tokens: ");
  run.refuses({"--text", "the cat"}, "data.edits.fixed_at: position 9 is beyond the sequence");
  run.refuses({"--text", "the cat", "model.attention.mask.self_only=[10]"},
              "self_only names position 10");
  CHECK(run.probe({"--text", "the cat sat on"}).status == 0);
}

TEST_CASE("options about the data's own sequences do not go with given ones") {
  Probed run;
  run.train("{kind: bigram_backcopy}");
  const std::string natural = "--text: the tokens that it gives are taken as they are. Omit";
  run.refuses({"--text", "the", "--tokens", "random"}, natural);
  run.refuses({"--text", "the", "--bos", "drop"}, natural);
  run.refuses({"--text", "the", "--mechanism", "--all-checkpoints"},
              "--text: all checkpoints are tested on the data's own sequences.");
  run.refuses({"--text", "the", "--mechanism"}, "--mechanism: its tests take means over sequences");
  run.refuses({"--text", "the", "--token-file", "x.npy"}, "--text excludes --token-file");
  run.refuses({"--token-file", ""}, "--token-file: ");
}
TEST_CASE("a masked_token run is probed on the text as it stands") {
  Probed run;
  run.train("{kind: bigram_backcopy, last: 1}", ", objective: masked_token",
            "model: {layers: 2, heads: 2, width: 16, context: 16, attention: {mask: "
            "bidirectional}, mlp: {width: 24}}\n");
  const Log natural = run.log({"probe.batch=1"});
  const Names tokens = natural.strings("probe", "tokens");
  check_same(run.log({"--text", joined(tokens, 1, 15)}), natural,
             {"loss", "backcopy_risk", "bigram_risk", "gradient_sink"});
  CHECK(contains(run.printed,
                 "</s>, as every one ends\nNo token is masked, so the loss over masked tokens"));
  CHECK(contains(run.printed, "\nloss           –"));
}

TEST_CASE("a model without attention has a table without it") {
  Probed run;
  run.train("{kind: bigram_backcopy}", "",
            "model: {layers: 1, heads: 2, width: 16, context: 16, position: none, attention: "
            "{absent: [0]}, mlp: "
            "{width: 16}}\n");
  run.log({"--text", "the dog that the cat bit ran"});
  const auto table = table_of(run.printed);
  CHECK(table.size() == 12);
  CHECK(table.at(1)[3] == "–");
  CHECK(table.at(1)[6] != "–");
  CHECK(contains(run.printed, "\nand 17 other positions\n"));
}

}  // namespace waiver
