// `waiver probe` of sequences that its user gives, a text or token ids.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "data/wrapped/given.h"
#include "datasets.h"
#include "distance.h"
#include "imported.h"
#include "inspect/given.h"
#include "inspect/probe_report.h"
#include "npy.h"
#include "padded_data.h"
#include "program.h"
#include "run/events.h"
#include "run/log_file.h"

namespace waiver {
namespace {

const std::string kModel =
    "model: {layers: 2, heads: 2, width: 16, context: 16, position: rope, mlp: {width: 24}}\n";

/// A folder with runs, and what a probe of them printed and wrote.
class Probed {
 public:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  int64_t entries() const { return folder_.entries(); }
  void put(const std::string& name, const std::string& bytes) const {
    put_bytes(folder_ / name, bytes);
  }
  void train(const std::string& data, const std::string& train = "",
             const std::string& model = kModel) const {
    put("c.yaml", model + "data: " + data + "\ntrain: {steps: 20, batch: 4, eval: {every: 0}" +
                      train + "}\nprobe: {every: 20, first: [], batch: 3}\n");
    const Ended ended = run_program({"train", path("c.yaml"), "--out", path("run")});
    REQUIRE_MESSAGE(ended.status == 0, ended.output);
  }
  Ended probe(std::vector<std::string> more) const {
    more.insert(more.begin(), {"probe", path("run")});
    return run_program(more);
  }
  /// The log of a probe that succeeds; `printed` is what it printed.
  Log log(std::vector<std::string> more) {
    more.insert(more.end(), {"--out", path("probe.h5"), "--overwrite"});
    const Ended ended = probe(more);
    REQUIRE_MESSAGE(ended.status == 0, ended.output);
    printed = ended.output;
    return Log::open(path("probe.h5"));
  }
  void refuses(const std::vector<std::string>& more, const std::string& message) const {
    std::vector<std::string> command = more;
    command.insert(command.end(), {"--out", path("none.h5")});
    const int64_t before = entries();
    const Ended ended = probe(command);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(ended.output, message), ended.output);
    CHECK(entries() == before);
  }

  std::string printed;

 private:
  TemporaryFolder folder_;
};

using Names = std::vector<std::string>;

std::string joined(const Names& pieces, size_t begin, size_t end) {
  std::string out;
  for (size_t i = begin; i < end; ++i) out += pieces[i];
  return out;
}

/// Every series of two probes is the same to the bit, and undefined in the first where it is among
/// `without`.
void check_same(const Log& given, const Log& natural, const Names& without = {}) {
  CHECK(given.names("probe") == natural.names("probe"));
  CHECK(given.strings("probe", "tokens") == natural.strings("probe", "tokens"));
  for (const std::string& name : natural.names("probe")) {
    if (name == "tokens") continue;
    CAPTURE(name);
    const std::vector<double> own = given.read("probe", name).values;
    if (std::ranges::count(without, name) > 0)
      CHECK(std::ranges::all_of(own, [](double x) { return std::isnan(x); }));
    else
      CHECK(same_numbers(own, natural.read("probe", name).values));
  }
}

/// The cells of the table along the sequence, by position.
std::map<int64_t, Names> table_of(const std::string& printed) {
  std::map<int64_t, Names> out;
  std::istringstream lines(printed.substr(printed.find("\nposition ") + 1));
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line) && line.starts_with("  ");) {
    std::istringstream in(line);
    const Names cells{std::istream_iterator<std::string>(in), {}};
    out[std::stoll(cells[0])] = cells;
  }
  return out;
}

const std::string kText =
    "A waiver is a place to put attention that is due to nothing in particular. ";
std::string text_of(int64_t times) {
  std::string out;
  for (int64_t i = 0; i < times; ++i) out += kText;
  return out;
}

}  // namespace

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
