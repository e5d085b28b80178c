// What token ids stand for: shown instead of them, and told apart by role.
#include <algorithm>

#include "core/text/punctuation.h"
#include "datasets.h"
#include "imported.h"
#include "npy.h"
#include "probe/roles.h"
#include "program.h"
#include "run/log_file.h"

namespace waiver {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kWords = {"[PAD]", "[CLS]", "[SEP]", " the", " cat", ",",
                                         "sat",   "\n",    "",      " .",   "x"};

std::string json_of(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const std::string& word : words) {
    out += out.size() > 1 ? "," : "";
    out += word == "\n" ? R"("\n")" : "\"" + word + "\"";
  }
  return out + "]";
}

std::unique_ptr<Dataset> tokens_with(SetFields::Values options,
                                     std::vector<std::string> words = {}) {
  options.insert({"vocabulary", "14"});
  auto data = data_with("tokens", std::move(options));
  data->use_words(std::move(words));
  data->open(8);
  return data;
}

const std::string kModel =
    "model: {layers: 1, heads: 2, width: 16, context: 8, position: rope, mlp: {width: 16}}\n";

/// A folder with a run of a model that knows its tokens by `words`, rows of ids, and strings.
class Labelled {
 public:
  explicit Labelled(const std::vector<std::string>& words, const std::string& more = "") {
    import_fresh(folder_ / "run", kModel + "data: {kind: tokens, vocabulary: 14" + more + "}\n",
                 words);
    std::vector<int64_t> ids;
    for (int64_t r = 0; r < 20; ++r)
      for (const int64_t id : {int64_t{1}, 3 + r % 2, int64_t{5}, 6 + r % 3, int64_t{9},
                               int64_t{10}, int64_t{12}, int64_t{2}})
        ids.push_back(id);
    put_bytes(folder_ / "rows.npy", npy_of(ids, 8));
    put_bytes(folder_ / "other.json", json_of({"a", "b", "c", "d", "e", "f", "g", "h", "i"}));
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Ended probe(std::vector<std::string> more) const {
    more.insert(more.begin(), {"probe", path("run"), "data.validation=" + path("rows.npy"),
                               "probe.batch=4", "--out", path("probe.h5"), "--overwrite"});
    return run_program(more);
  }
  std::vector<std::string> names(const std::string& group, const std::string& name) const {
    return Log::open(path("probe.h5")).strings(group, name);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("punctuation has signs, and neither letters nor digits") {
  for (const char* text :
       {".", " ,", "...", " \"", "—", "…", "。", "!?", "«", "(\n", "→", "😀", "##"})
    CHECK_MESSAGE(is_punctuation(text), text);
  for (const char* text :
       {"",  " ",  "\n", " \t\n", "\u00a0", "a", "7",     "'s",    " the",       "é",
        "ß", "中", "あ", "Ω",     "½",      "①", "don't", "[SEP]", "\\xe2\\x80", "\xe2\x80"})
    CHECK_MESSAGE(!is_punctuation(text), text);
}

TEST_CASE("ids that have strings are shown by them, on one line, and the others by number") {
  const auto data = tokens_with({}, kWords);
  CHECK(data->text(3) == " the");
  CHECK(data->text(7) == "\\n");
  CHECK(data->text(8) == "8");    // its string is empty
  CHECK(data->text(13) == "13");  // beyond the strings
  CHECK(data->words() == kWords);
  CHECK(data->separator().empty());
  CHECK(tokens_with({})->text(3) == "3");
  CHECK(tokens_with({})->separator() == " ");
  CHECK(tokens_with({}, {"un", "##related"})->separator() == " ");
  const auto framed = tokens_with({{"first", "1"}, {"last", "1"}}, kWords);
  CHECK(framed->text(14) == "14");
  CHECK(framed->text(15) == "</s>");
}

TEST_CASE("strings come from a file, which goes before those that the model knows") {
  const TemporaryFolder folder;
  const auto from = [&](const std::string& bytes, std::vector<std::string> words = {}) {
    put_bytes(folder / "s.json", bytes);
    return tokens_with({{"strings", (folder / "s.json").string()}}, std::move(words));
  };
  const auto data = from(json_of({"zero", "one"}), kWords);
  CHECK(data->text(1) == "one");
  CHECK(data->text(3) == "3");
  REQUIRE(data->files().size() == 1);
  CHECK(data->files()[0].key == "data.strings");
  const auto refuses = [&](const std::string& bytes, const std::string& message) {
    CHECK_MESSAGE(contains(error_of([&] { from(bytes); }), message),
                  error_of([&] { from(bytes); }));
  };
  for (const char* bytes : {"{", "{\"a\": 1}", "[1]", "[\"a\", null]", "\"a\"", "[\"\xff\"]"})
    refuses(bytes, "s.json is not a JSON list of strings. scripts/make_tokens.py --strings");
  refuses(json_of(std::vector<std::string>(15, "x")),
          "data.vocabulary: 14 is fewer than the 15 tokens that have strings");
  CHECK(contains(error_of([] { tokens_with({{"strings", "/nowhere.json"}}); }), "data.strings: "));
}

TEST_CASE("text is not encoded, ids are") {
  const auto data = tokens_with({}, kWords);
  CHECK(data->encode("3 4 12") == std::vector<int32_t>{3, 4, 12});
  CHECK(error_of([&] { data->encode("the cat"); }) ==
        "prompt: 'the' is not a token id. This data has ids 0 … 13, separated by spaces. "
        "scripts/make_tokens.py turns text into ids.");
}

TEST_CASE(
    "special tokens have roles of their own, and so has punctuation where strings are known") {
  const auto data = tokens_with({{"special", "2,1,13"}}, kWords);
  CHECK(data->key_roles() ==
        std::vector<std::string>{"first", "[SEP]", "[CLS]", "token_13", "punctuation", "other"});
  CHECK(data->query_roles() == std::vector<std::string>{"plain"});
  const int32_t x[] = {3, 1, 5, 3, 2, 13, 9, 8, 7};
  const int64_t roles[] = {0, 2, 4, 5, 1, 3, 4, 5, 5};
  for (int64_t t = 0; t < 9; ++t) CHECK(data->key_role(x, t) == roles[t]);
  const int32_t begins[] = {1, 5};  // a special token keeps its role in the first place
  CHECK(data->key_role(begins, 0) == 2);
  const int32_t sign[] = {5, 5};  // others are the first
  CHECK(data->key_role(sign, 0) == 0);
  CHECK(data->key_role(sign, 1) == 4);
  for (int64_t t = 0; t < 9; ++t) CHECK(data->query_role(x, t) == kPlain);

  const auto bare = tokens_with({{"special", "2,1"}});
  CHECK(bare->key_roles() == std::vector<std::string>{"first", "token_2", "token_1", "other"});
  CHECK(bare->key_role(x, 2) == 3);
  CHECK(!has_roles(*tokens_with({})));
  const auto framed =
      tokens_with({{"special", "2"}, {"first", "2"}, {"first_id", "2"}, {"last", "1"}}, kWords);
  CHECK(framed->key_roles() ==
        std::vector<std::string>{"first", "separator", "[SEP]", "punctuation", "other"});
  const int32_t y[] = {2, 2, 5, 3, 14};
  const int64_t of_framed[] = {2, 2, 3, 4, 1};
  for (int64_t t = 0; t < 5; ++t) CHECK(framed->key_role(y, t) == of_framed[t]);
  // Names that are taken are not taken again.
  CHECK(tokens_with({{"special", "0,1,2"}}, {"other", "x", "x"})->key_roles() ==
        std::vector<std::string>{"first", "token_0", "x", "token_2", "punctuation", "other"});
}

TEST_CASE("special ids that cannot be are refused") {
  const auto refuses = [](const std::string& special, const std::string& message) {
    CHECK(error_of([&] { tokens_with({{"special", special}}); }) == message);
  };
  refuses("1,14", "data.special: 14 is not a token id. Ids go up to data.vocabulary − 1 = 13.");
  refuses("1,2,1", "data.special: 1 is named twice.");
  refuses("0,1,2,3,4,5,6,7,8,9,10,11,12,13", "data.special: no id is left for text.");
}

TEST_CASE("a probe shows the strings that a checkpoint knows, and has their roles") {
  const Labelled run(kWords, ", special: [1, 2]");
  const Ended ended = run.probe({});
  REQUIRE_MESSAGE(ended.status == 0, ended.output);
  CHECK(run.names("probe", "tokens") ==
        std::vector<std::string>{"[CLS]", " the", ",", "sat", " .", "x", "12", "[SEP]"});
  CHECK(run.names("roles", "key_role_name") ==
        std::vector<std::string>{"first", "[CLS]", "[SEP]", "punctuation", "other"});
  const Log log = Log::open(run.path("probe.h5"));
  CHECK(log.axes().at("key_role") == 5);
  // The first token is special, so no token has the role of a first one.
  const std::vector<double> norms = log.read("probe", "role_value_norm").values;
  REQUIRE(norms.size() == 2 * 5);
  CHECK(std::isnan(norms[0]));
  for (const int64_t role : {1, 2, 3, 4}) CHECK(norms[role] > 0);
  CHECK(log.read("probe", "role_value_norm").values[1] ==
        doctest::Approx(log.read("probe", "value_norm").values[0]).epsilon(1e-6));
  CHECK(run.probe({"--mechanism"}).status == 0);
  put_bytes(run.path("spec.yaml"),
            "arms: [{name: zero, edits: [{at: [blocks.*.attn.v], edit: zero}]}]\n");
  const Ended intervened =
      run_program({"intervene", run.path("run"), run.path("spec.yaml"),
                   "data.validation=" + run.path("rows.npy"), "--out", run.path("i.h5")});
  CHECK_MESSAGE(intervened.status == 0, intervened.output);
}

TEST_CASE("strings of a file are shown where the checkpoint has none, or others") {
  for (const std::vector<std::string>& known : {kWords, std::vector<std::string>()}) {
    const Labelled run(known);
    const Ended ended = run.probe({"data.strings=" + run.path("other.json")});
    REQUIRE_MESSAGE(ended.status == 0, ended.output);
    CHECK(run.names("probe", "tokens") ==
          std::vector<std::string>{"b", "d", "f", "g", "9", "10", "12", "c"});
  }
  const Labelled bare({});
  REQUIRE(bare.probe({}).status == 0);
  CHECK(bare.names("probe", "tokens")[1] == "3");
}

TEST_CASE("a run that is trained on named tokens keeps their strings") {
  const Labelled files({});
  const std::string config = files.path("c.yaml"), run = files.path("trained"),
                    rows = files.path("rows.npy"), strings = files.path("other.json");
  std::ofstream(config) << kModel << "data: {kind: tokens, vocabulary: 14, train: " << rows
                        << ", validation: " << rows << ", strings: " << strings
                        << ", special: [2]}\ntrain: {steps: 2, batch: 2}\nprobe: {batch: 4}\n";
  const auto verb = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {name, run});
    return run_program(more);
  };
  const Ended trained = run_program({"train", config, "--out", run});
  REQUIRE_MESSAGE(trained.status == 0, trained.output);
  CHECK(Log::open(run + "/log.h5").strings("roles", "key_role_name") ==
        std::vector<std::string>{"first", "c", "punctuation", "other"});
  CHECK(verb("probe", {}).status == 0);
  const Ended text = verb("sample", {"--prompt", "1 2", "--tokens", "1"});
  CHECK_MESSAGE(text.output.starts_with("b c "), text.output);
  put_bytes(strings, json_of({"A"}));
  const Ended changed = verb("probe", {});
  CHECK(changed.status == 2);
  CHECK_MESSAGE(contains(changed.output, "data.strings: "), changed.output);
  CHECK(verb("probe", {"data.strings=" + strings}).status == 0);
}

TEST_CASE("claims may name roles whose names come from strings") {
  const Labelled files({});
  std::ofstream(files.path("c.yaml"))
      << kModel << "data: {kind: tokens, vocabulary: 14, train: " << files.path("rows.npy")
      << ", validation: " << files.path("rows.npy") << ", strings: " << files.path("other.json")
      << ", special: [2]}\ntrain: {steps: 2, batch: 2}\nprobe: {batch: 4}\n";
  const auto check = [&](const std::string& role) {
    std::ofstream(files.path("s.yaml")) << "base: c.yaml\nseeds: [0]\nclaims:\n  - {id: C1, "
                                           "sentence: It is so., measure: {kind: value, "
                                           "series: probe/role_value_norm, at: {key_role: "
                                        << role << ", head: max, layer: 0}}, expect: {above: 0}}\n";
    return run_program({"config", "check", files.path("s.yaml")});
  };
  const Ended fine = check("c");
  CHECK_MESSAGE(fine.status == 0, fine.output);
  const Ended unknown = check("z");
  CHECK(unknown.status == 2);
  CHECK_MESSAGE(contains(unknown.output, "expected first, c, punctuation or other, found \"z\""),
                unknown.output);
}

}  // namespace waiver
