// `waiver probe --token-file`: token ids that its user gives.
#include "data/wrapped/given.h"
#include "datasets.h"
#include "given_probe.h"
#include "imported.h"
#include "npy.h"
#include "padded_data.h"

namespace waiver {

namespace {

const std::vector<std::string> kStrings = {"[PAD]", "[CLS]", "[SEP]", " the", " cat", ",",
                                           "sat",   "\n",    "",      " .",   "x"};

// Rows of 8 ids, the same at the beginning.
std::vector<int64_t> rows(int64_t count) {
  std::vector<int64_t> ids;
  for (int64_t r = 0; r < count; ++r)
    for (const int64_t id : {int64_t{1}, 3 + r % 2, int64_t{5}, 6 + r % 3, int64_t{9}, int64_t{10},
                             int64_t{12}, int64_t{2}})
      ids.push_back(id);
  return ids;
}

}  // namespace

TEST_CASE("an imported run without data is probed on token ids, which are shown as words") {
  Probed run;
  import_fresh(run.path("run"), kModel + "data: {kind: tokens, vocabulary: 14}\n", kStrings);
  const std::vector<int64_t> ids = rows(4);
  run.put("rows.npy", npy_of(ids, 8));
  run.put("one.npy", npy_of({ids.begin(), ids.begin() + 8}));
  run.put("raw.bin", raw<uint16_t>({ids.begin(), ids.begin() + 8}));

  const Log natural =
      run.log({"data.validation=" + run.path("rows.npy"), "probe.batch=4", "model.context=8"});
  check_same(run.log({"--token-file", run.path("rows.npy")}), natural);
  CHECK(contains(run.printed, "\n4 sequences of 8 tokens, as in " + run.path("rows.npy") +
                                  "; nothing is added\n"));
  CHECK(contains(run.printed,
                 "Tokens and roles are those of the first sequence, numbers means over 4.\n"));

  const Log one =
      run.log({"data.validation=" + run.path("rows.npy"), "probe.batch=1", "model.context=8"});
  for (const char* file : {"one.npy", "raw.bin"}) {
    CAPTURE(file);
    check_same(run.log({"--token-file", run.path(file)}), one);
    CHECK(contains(run.printed, "\n1 sequence of 8 tokens, as in "));
  }
  const auto table = table_of(run.printed);
  CHECK(table.size() == 8);
  CHECK(table.at(0)[1] == "[CLS]");
  CHECK(table.at(1)[1] == "the");
  CHECK(table.at(2)[2] == "punctuation");
  CHECK(table.at(6)[1] == "12");

  run.refuses({"--text", "the cat"},
              "--text: this run's data is of token ids, and what makes them is not known. "
              "scripts/make_tokens.py turns text into ids, which --token-file takes.");
  run.refuses({}, "data.validation: this run has no data of its own.");
}

TEST_CASE("files that are none of token ids are refused, in the words of the command line") {
  Probed run;
  import_fresh(run.path("run"), kModel + "data: {kind: tokens, vocabulary: 14}\n");
  const auto refuses = [&](const std::string& bytes, const std::string& message) {
    run.put("x", bytes);
    run.refuses({"--token-file", run.path("x")}, message);
  };
  refuses(npy_of({1, 14, 2}), "--token-file: the file " + run.path("x") +
                                  " does not fit: token 1 is 14, beyond the vocabulary of 14. Ids "
                                  "are 0 … 13.");
  refuses(npy_of({1}), "--token-file: a sequence of 1 token is too short");
  refuses(npy_of({1, 2, 3}, 1), "--token-file: a sequence of 1 token is too short");
  refuses(npy_of({}), "--token-file: there are no tokens.");
  refuses("", "--token-file: there are no tokens.");
  refuses(text_of(2), "is text. scripts/make_tokens.py turns text into ids.");
  refuses(raw<uint32_t>({1, 2, 3, 4, 5, 6, 7, 8}),
          "so its numbers have 4 bytes, not 2. A .npy file says itself");
  refuses("abc", "are not a whole number of uint16 tokens. A .npy file says itself");
  run.refuses({"--token-file", run.path("nothing")}, "--token-file: " + run.path("nothing"));
  run.refuses({"--token-file", run.path("run")}, "--token-file: ");
}

TEST_CASE("given rows are padded as the data's are, and the padding is not shown") {
  for (const char* kind : {"causal", "bidirectional"}) {
    CAPTURE(kind);
    Probed run;
    const bool masked = kind == std::string("bidirectional");
    import_fresh(
        run.path("run"),
        "model: {layers: 2, heads: 2, width: 16, context: 16, position: rope, mlp: {width: "
        "24}, attention: {mask: {kind: " +
            std::string(kind) + ", padding: 0}}}\ndata: {kind: tokens, vocabulary: 14}\n" +
            (masked ? "train: {objective: masked_token}\n" : ""),
        kStrings);
    std::vector<int64_t> ids = rows(3);
    for (const int64_t at : {5, 6, 7, 15}) ids[at] = 0;
    run.put("rows.npy", npy_of(ids, 8));
    const Log natural =
        run.log({"data.validation=" + run.path("rows.npy"), "probe.batch=3", "model.context=8"});
    const Log given = run.log({"--token-file", run.path("rows.npy")});
    check_same(given, natural, masked ? Names{"loss", "gradient_sink"} : Names{});
    CHECK(contains(run.printed, "\nBefore the padding, [PAD]: 5 … 8 tokens\n"));
    CHECK(table_of(run.printed).size() == 5);  // of the first sequence
    const std::string none = "No token is masked, so the loss over masked tokens does not apply\n";
    CHECK(contains(run.printed, none) == masked);
    const Ended mechanism = run.probe({"--token-file", run.path("rows.npy"), "--mechanism"});
    CHECK(mechanism.status == (masked ? 2 : 0));
    CHECK(contains(mechanism.output,
                   masked ? "--mechanism: its tests compare losses over masked" : "selected by"));
  }
}

TEST_CASE("several given sequences have the mechanism that they have as data") {
  Probed run;
  import_fresh(run.path("run"), kModel + "data: {kind: tokens, vocabulary: 14}\n", kStrings);
  run.put("rows.npy", npy_of(rows(6), 8));
  const Log natural = run.log({"data.validation=" + run.path("rows.npy"), "probe.batch=6",
                               "model.context=8", "--mechanism"});
  const Log given = run.log({"--token-file", run.path("rows.npy"), "--mechanism"});
  for (const std::string& name : natural.names("mechanism")) {
    if (name == "key_name") continue;
    CAPTURE(name);
    CHECK(
        same_numbers(given.read("mechanism", name).values, natural.read("mechanism", name).values));
  }
}

TEST_CASE("token ids of a task need neither its first token nor its last") {
  Probed run;
  run.train("{kind: bigram_backcopy, last: 1}");
  run.put("ids.npy", npy_of({1, 2, 3, 4, 5}));
  const Log log = run.log({"--token-file", run.path("ids.npy")});
  CHECK(log.strings("probe", "tokens").size() == 5);
  CHECK(log.axes().at("position") == 5);
  CHECK(std::isfinite(log.read("probe", "bigram_risk").values[0]));
  run.put("ids.npy", npy_of({1, 2, 68, 4}));  // of 68 ids
  run.refuses({"--token-file", run.path("ids.npy")},
              "token 2 is 68, beyond the vocabulary of 68. Ids are 0 … 67.");
  for (const int64_t many :
       {1 << 20, (1 << 20) + 1}) {  // too much for any memory, and for any model
    run.put("ids.npy", npy_of(std::vector<int64_t>(many, 1)));
    run.refuses(
        {"--token-file", run.path("ids.npy")},
        fmt::format("--token-file: this model does not take a sequence of {} tokens: ", many));
  }
}

TEST_CASE("a model of features takes neither text nor ids") {
  Probed run;
  run.put("one.npy", npy_of({1, 2, 3}));
  run.train("{kind: trigger_average, features: 8}", ", objective: regression",
            "model: {layers: 1, width: 8, context: 12, input: features, position: none, mlp: "
            "{kind: none}, norm: {kind: none}}\n");
  run.refuses({"--text", "1 2"}, "--text: this model takes features, which are no tokens.");
  run.refuses({"--token-file", run.path("one.npy")},
              "--token-file: this model takes features, which are no tokens.");
}

TEST_CASE("given sequences are those of every split, predicted where a prefix and padding allow") {
  const std::vector<std::vector<int32_t>> all = sequences_of({6, 4, 1});
  TokenArray tokens{{}, 6};
  for (const std::vector<int32_t>& x : all)
    for (size_t t = 0; t < 6; ++t) tokens.ids.push_back(t < x.size() ? x[t] : kPad);
  for (const int64_t prefix : {0, 1, 3, 6}) {
    CAPTURE(prefix);
    const auto data = given_sequences(padded(all), tokens, prefix);
    CHECK(data->validation_windows(6) == 3);
    for (const Split split : {Split::train, Split::validation, Split::probe}) {
      CHECK(data->has(split));
      const Batch batch = batch_of(*data, 4, 6, 0, split);
      for (int64_t n = 0; n < 4 * 6; ++n) {
        const std::vector<int32_t>& x = all[n / 6 % 3];
        const int64_t t = n % 6;
        CHECK(batch.inputs[n] == (t < std::ssize(x) ? x[t] : kPad));
        const bool predicted = t + 1 < std::ssize(x) && t + 1 >= prefix;
        CHECK(batch.targets[n] == (predicted ? x[t + 1] : -1));
      }
    }
  }
  const auto masked = given_sequences(padded(all, true), tokens, 0);
  const Batch batch = batch_of(*masked, 3, 6, 0, Split::probe);
  CHECK(batch.whole.empty());
  CHECK(count_targets(batch.targets) == 0);
  CHECK(batch.inputs == tokens.ids);
}

}  // namespace waiver
