#include <cmath>
#include <functional>

#include "datasets.h"
#include "inspect/cache_losses.h"
#include "inspect/saved.h"
#include "program.h"
#include "reference/agreement.h"
#include "train/checkpoint.h"
#include "train/trainer.h"
#include "train/validation.h"

namespace waiver {
namespace {

constexpr int64_t T = 12;

std::string little_endian_bytes(const std::vector<int>& ids) {
  std::string bytes;
  for (const int id : ids) bytes += {static_cast<char>(id & 255), static_cast<char>(id >> 8)};
  return bytes;
}

// Of 40 tokens.
std::vector<int> some_ids(int count) {
  std::vector<int> ids = {0};
  for (int i = 1; i < count; ++i) ids.push_back((ids.back() * 3 + 1 + i % 5) % 40);
  return ids;
}

/// Every kind of data, with files where it needs them: ten windows of T tokens to validate on.
class EveryDataset {
 public:
  EveryDataset() {
    put_bytes(folder_ / "train.bin", little_endian_bytes(some_ids(400)));
    put_bytes(folder_ / "validation.bin", little_endian_bytes(some_ids(10 * T + 1)));
    std::string text;
    for (const int id : some_ids(2 * (10 * T + 1))) text += static_cast<char>('A' + id);
    put_bytes(folder_ / "text.txt", text);
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  /// With each objective that it can have; `random` puts random tokens at places 1 … 3.
  void each(bool random, const std::function<void(const Dataset&)>& f) const {
    for (const auto& entry : registry<Dataset>()) {
      const bool features = entry.make()->features() > 0;
      SetFields::Values options = {{"path", path("text.txt")},
                                   {"split", "0.5"},
                                   {"train", path("train.bin")},
                                   {"validation", path("validation.bin")}};
      if (entry.name == "tokens") options["vocabulary"] = "40";
      if (features) options["features"] = "16";  // the width of the model below
      if (random && !features) options["edits.random"] = "1,4";
      for (const auto& objective : registry<Objective>()) {
        if (Kind<Objective>(objective.name)->predicts_tokens() == features) continue;
        for (const int64_t prefix : {0, 3}) {
          CAPTURE(entry.name);
          CAPTURE(objective.name);
          CAPTURE(random);
          CAPTURE(prefix);
          f(*Kind<Objective>(objective.name)
                 ->apply(open_with(std::string(entry.name), options, T), prefix));
        }
      }
    }
  }
  void each(const std::function<void(const Dataset&)>& f) const {
    each(false, f);
    each(true, f);
  }

 private:
  TemporaryFolder folder_;
};

Batch validation_batch(const Dataset& data, int64_t first, int64_t count) {
  Batch batch;
  batch.resize(count, T);
  data.batch(3, Split::validation, first, batch);
  return batch;
}

template <class A>
A part_of(const A& all, int64_t first, int64_t count, int64_t sequences) {
  const int64_t each = std::ssize(all) / sequences;
  return A(all.begin() + first * each, all.begin() + (first + count) * each);
}

reference::Edits model_for(const Dataset& data) {
  reference::Edits edits{{{"attention.mask", data.mask_token() >= 0 ? "bidirectional" : "causal"},
                          {"position", "learned"}},
                         {{"layers", 1}, {"heads", 2}, {"width", 16}, {"context", T}}};
  if (data.features() > 0) edits.words["input"] = "features";
  return edits;
}

}  // namespace

TEST_CASE("a validation sequence is the same wherever it is in a batch") {
  constexpr int64_t S = 14;
  EveryDataset().each([](const Dataset& data) {
    const Batch whole = validation_batch(data, 0, S);
    for (const int64_t part : {1, 3, 7})
      for (int64_t at = 0; at < S; at += part) {
        const int64_t n = std::min(part, S - at);
        const Batch some = validation_batch(data, at, n);
        CHECK(some.inputs == part_of(whole.inputs, at, n, S));
        CHECK(some.targets == part_of(whole.targets, at, n, S));
        CHECK(some.whole == part_of(whole.whole, at, n, S));
        CHECK(some.features == part_of(whole.features, at, n, S));
        CHECK(some.answers == part_of(whole.answers, at, n, S));
      }
  });
}

TEST_CASE("validation sequences are drawn anew, each by its own number") {
  EveryDataset().each([](const Dataset& data) {
    if (data.mask_token() < 0 && data.validation_windows(T) > 0) return;
    const Batch whole = validation_batch(data, 0, 10);
    const auto& drawn = whole.features.empty()
                            ? std::vector<float>(whole.inputs.begin(), whole.inputs.end())
                            : whole.features;
    for (int64_t s = 1; s < 10; ++s) CHECK(part_of(drawn, s, 1, 10) != part_of(drawn, 0, 1, 10));
  });
}

TEST_CASE("training batches keep their own draws, by step and place") {
  // Numbers of the streams "train" and "train begin" at step 5, written out.
  const auto data =
      open_with("unigram", {{"exponent", "0"}, {"tokens", "1000"}, {"first", "0"}}, T);
  Batch batch;
  batch.resize(4, T);
  data->batch(9, Split::train, 5, batch);
  const Random random(9, "train", 5), begin(9, "train begin", 5);
  for (int64_t b = 0; b < 4; ++b) {
    CHECK(batch.inputs[b * T] == static_cast<int32_t>(1000 * begin.uniform(b)));
    for (int64_t t = 0; t < T; ++t)
      CHECK(batch.targets[b * T + t] == static_cast<int32_t>(1000 * random.uniform(b * T + t)));
  }
}

TEST_CASE("a validation is the reference's mean over every sequence, however it is cut up") {
  constexpr int64_t S = 10;
  EveryDataset().each([](const Dataset& data) {
    const Batch all = validation_batch(data, 0, S);
    reference::Problem problem = reference::make_problem(data.vocabulary(), S, T);
    problem.tokens = all.inputs;
    problem.targets = all.targets;
    reference::Pair pair(model_for(data), problem);
    if (data.features() > 0) {
      pair.problem.features = all.features;
      pair.problem.answers = all.answers;
    }
    const double right = reference::run(pair.settings, pair.weights, pair.problem).loss;
    Arena arena;
    const auto loss = [&](int64_t part) {
      return validation_loss(pair.model, data, {3, S, part}, arena);
    };
    const double whole = loss(S);
    CHECK(whole == doctest::Approx(right).epsilon(1e-6));
    // Products of fewer rows may be rounded in another order.
    for (const int64_t part : {1, 3, 7}) CHECK(loss(part) == doctest::Approx(whole).epsilon(2e-7));
  });
}

TEST_CASE("eviction's losses cover the same sequences, the last pass smaller") {
  const EveryDataset files;
  const auto data = open_with("tokens",
                              {{"train", files.path("train.bin")},
                               {"validation", files.path("validation.bin")},
                               {"vocabulary", "40"}},
                              T);
  const reference::Pair pair(model_for(*data), reference::make_problem(40, 1, T));
  Arena arena;
  const double loss = validation_loss(pair.model, *data, {0, 10, 10}, arena);
  for (const int64_t part : {1, 3, 7, 10})
    CHECK(measure_cache_losses(pair.model, *data, {4, 1}, {0, 10, part}).full.all ==
          doctest::Approx(loss).epsilon(2e-7));
}

TEST_CASE("what a validation covers, and how it is said") {
  const EveryDataset files;
  const auto data = open_with("tokens",
                              {{"train", files.path("train.bin")},
                               {"validation", files.path("validation.bin")},
                               {"vocabulary", "40"}},
                              T);
  TrainConfig train;
  train.batch = 3;
  train.accumulate = 3;
  train.eval.batches = 2;
  CHECK(train_coverage(train, *data, T).text() == "6 of 10 sequences of 12");
  CHECK(full_coverage(train, *data, T).text() == "all 10 sequences of 12");
  train.eval.batches = 4;
  CHECK(train_coverage(train, *data, T).text() == "all 10 sequences of 12");
  CHECK(full_coverage(train, *data, 10 * T).text() == "the one sequence of 120");
  const auto endless = open_data("unigram", T);
  CHECK(train_coverage(train, *endless, T).text() == "12 sequences of 12");
  CHECK(full_coverage(train, *endless, T).text() == "12 sequences of 12");
  CHECK(loss_text(1.5, *data) == "1.500000 nat");
  CHECK(loss_text(0.00001234, *data) == "1.234e-05 nat");
  CHECK(loss_text(0.25, *open_data("trigger_average", T)) == "0.250000");
}

namespace {

const std::string kModel = "model: {layers: 1, heads: 2, width: 16, context: 24, mlp: {width: 16}";

// A run of `config` by the program.
std::string trained(const TemporaryFolder& folder, const std::string& config,
                    std::vector<std::string> more = {}) {
  const std::string file = (folder / "c.yaml").string(), run = (folder / "run").string();
  std::ofstream(file) << config;
  more.insert(more.begin(), {"train", file, "--out", run, "--overwrite"});
  const Ended ended = run_program(more);
  REQUIRE_MESSAGE(ended.status == 0, ended.output);
  return ended.output;
}

Ended run_verb(const std::string& verb, const TemporaryFolder& folder,
               std::vector<std::string> more = {}) {
  more.insert(more.begin(), {verb, (folder / "run").string()});
  return run_program(more);
}

// Train without pauses: 10 windows of 24 to validate on.
std::string token_config(const TemporaryFolder& folder, const std::string& train,
                         const std::string& model = "") {
  put_bytes(folder / "train.bin", little_endian_bytes(some_ids(2000)));
  put_bytes(folder / "validation.bin", little_endian_bytes(some_ids(241)));
  return kModel + model +
         "}\ndata: {kind: tokens, vocabulary: 40, train: " + (folder / "train.bin").string() +
         ", validation: " + (folder / "validation.bin").string() + "}\ntrain: {steps: 6, " + train +
         "}\nprobe: {every: 0}\n";
}

// The line that begins so, from its number on.
std::string after(const std::string& output, const std::string& begin) {
  const size_t at = output.rfind(begin);
  if (at == std::string::npos) return {};
  const size_t number = output.find_first_not_of(' ', at + begin.size());
  return output.substr(number, output.find('\n', number) - number);
}

}  // namespace

TEST_CASE("eval drops no window, and batch and parts change nothing that it prints") {
  for (const std::string objective : {"next_token", "masked_token"}) {
    const TemporaryFolder folder;
    const std::string done = trained(
        folder,
        token_config(folder, "batch: 10, objective: " + objective,
                     objective == "masked_token" ? ", attention: {mask: bidirectional}" : ""));
    const std::string whole = after(run_verb("eval", folder).output, "validation loss ");
    CHECK(contains(whole, "(all 10 sequences of 24)"));
    // The same passes, so the same digits.
    CHECK(contains(done, "validation loss " + whole.substr(0, whole.find(' '))));
    CHECK(contains(done, "(all 10 sequences of 24)"));
    for (const char* cut : {"train.batch=1", "train.batch=3", "train.batch=7", "train.batch=8",
                            "train.accumulate=2"}) {
      CAPTURE(cut);
      const std::string line = after(run_verb("eval", folder, {cut}).output, "validation loss ");
      CHECK(contains(line, "(all 10 sequences of 24)"));
      // A unit in the last printed digit, which rounding may tip.
      CHECK(std::abs(std::stod(line) - std::stod(whole)) < 1.5e-6);
    }
  }
}

TEST_CASE("a validation of train says how much it covers") {
  const TemporaryFolder folder;
  const std::string output = trained(
      folder, token_config(folder, "batch: 4, accumulate: 2, eval: {every: 3, batches: 2}"));
  CHECK(contains(output, "step 3  validation loss "));
  CHECK(contains(output, " nat (8 of 10 sequences of 24)"));
}

TEST_CASE("eval --context takes less than a learned table, whose first rows count") {
  const TemporaryFolder folder;
  for (const auto& entry : registry<PositionEncoding>()) {
    const std::string position(entry.name);
    CAPTURE(position);
    trained(folder, token_config(folder, "batch: 4, tokens: 96", ", position: " + position));
    const std::string run = (folder / "run").string();
    const SavedModel full = load_saved(run, {}, {}),
                     cut = load_saved(run, {"model.context=11"}, {});
    const Batch batch = [&] {
      Batch out;
      out.resize(3, 11);
      cut.data->batch(0, Split::validation, 0, out);
      return out;
    }();
    Arena arena;
    Tape tape(arena, false);
    const auto logits = [&](const SavedModel& saved) {
      const Tensor t = saved.model->forward(tape, {batch.inputs, 3, 11}).value;
      return std::vector<float>(t.data, t.data + t.size());
    };
    CHECK(logits(cut) == logits(full));
    const Ended ended = run_verb("eval", folder, {"--context", "11"});
    CHECK(ended.status == 0);
    CHECK_MESSAGE(contains(ended.output, "(all 21 sequences of 11)"), ended.output);
    const Ended longer = run_verb("eval", folder, {"--context", "48"});
    const bool added = position == "learned" || position == "sinusoidal";
    CHECK(longer.status == (added ? 2 : 0));
    if (added)
      CHECK(contains(longer.output, "48 is more than the 24 positions that the model was trained"));
    CHECK(run_verb("sample", folder, {"model.context=11", "--tokens", "3"}).status == 0);
    CHECK(run_verb("probe", folder, {"model.context=11"}).status == 0);
  }
  trained(folder, token_config(folder, "batch: 4", ", position: [rope]"));
  CHECK(run_verb("eval", folder, {"--context", "11"}).status == 0);
}

TEST_CASE("a state to continue training from is never cut") {
  const TemporaryFolder folder;
  ParameterSet long_table, short_table;
  for (auto [set, rows] : {std::pair{&long_table, int64_t{6}}, {&short_table, 4}}) {
    set->add("embed.position.weight", {rows, 2}, Init::normal(1)).by_position = true;
    set->add("other.weight", {rows, 2}, Init::normal(1));
    set->allocate(1);
  }
  auto optimizer = Kind<Optimizer>("sgd").make();
  optimizer->build(long_table, 0);
  const auto saved = save_checkpoint(folder.path(), {3, ""}, long_table, optimizer.get());
  // A matrix that no position indexes is never cut either.
  CHECK(contains(error_of([&] { load_checkpoint(saved, short_table, nullptr); }),
                 "its other.weight has the shape [6, 2]"));
  CHECK(contains(error_of([&] { load_checkpoint(saved, short_table, optimizer.get()); }),
                 "its embed.position.weight has the shape [6, 2]"));
}

TEST_CASE("sample without a prompt begins with a token of the data") {
  const TemporaryFolder folder;
  const auto text_config = [&](const std::string& text, const std::string& more = "") {
    put_bytes(folder / "text.txt", text);
    return kModel + "}\ndata: {kind: text, path: " + (folder / "text.txt").string() + more +
           "}\ntrain: {steps: 1, batch: 2}\nprobe: {every: 0}\n";
  };
  std::string words;
  while (words.size() < 600) words += "one two three ";
  const auto sampled = [&](const std::string& config, std::vector<std::string> more = {}) {
    trained(folder, config);
    more.insert(more.end(), {"--tokens", "3"});
    const Ended ended = run_verb("sample", folder, more);
    CHECK_MESSAGE(ended.status == 0, ended.output);
    return ended.output;
  };
  // 600 characters and more: the validation part begins with the 542nd.
  CHECK(sampled(text_config(words))[0] == words[541]);
  CHECK(sampled(text_config(words + "\n"))[0] == '\n');
  CHECK(sampled(text_config(words, ", first: 1")).size() == 4);
  CHECK(sampled(token_config(folder, "batch: 2")).starts_with("0 "));
  CHECK(sampled(kModel + "}\ndata: {kind: bigram_backcopy_random, first: 0}\n"
                         "train: {steps: 1, batch: 2}\nprobe: {every: 0}\n")
            .size() >= 8);
}

TEST_CASE("a prompt that cannot be written is blamed on --prompt") {
  const TemporaryFolder folder;
  std::string words;
  while (words.size() < 600) words += "one two three ";
  put_bytes(folder / "text.txt", words);
  trained(folder, kModel + "}\ndata: {kind: text, path: " + (folder / "text.txt").string() +
                      "}\ntrain: {steps: 1, batch: 2}\nprobe: {every: 0}\n");
  const auto complaint = [&](const std::string& prompt) {
    const Ended ended = run_verb("sample", folder, {"--prompt", prompt});
    CHECK(ended.status == 2);
    return ended.output;
  };
  CHECK(complaint("\xff").starts_with("--prompt: it is not UTF-8: byte 0 is 0xFF."));
  CHECK(complaint("one\xc3").starts_with("--prompt: it is not UTF-8: byte 3 is 0xC3."));
  CHECK(complaint("x").starts_with("--prompt: the character 'x' does not occur in "));
  CHECK(complaint("\n").starts_with("--prompt: the character U+000A does not occur in "));
  trained(folder, token_config(folder, "batch: 2"));
  CHECK(complaint("1 two").starts_with("--prompt: 'two' is not a token id."));
}

TEST_CASE("a data path that cannot be read says from where it counts") {
  const TemporaryFolder folder;
  trained(folder, token_config(folder, "batch: 2"));
  const Ended ended = run_verb("eval", folder, {"data.validation=gone.bin"});
  CHECK(ended.status == 2);
  CHECK_MESSAGE(contains(ended.output, "the file gone.bin: cannot be opened: No such file"),
                ended.output);
  CHECK(contains(ended.output, "is relative to the working directory, " +
                                   std::filesystem::current_path().string()));
  std::filesystem::remove(folder / "train.bin");
  const Ended absolute = run_verb("eval", folder);
  CHECK(absolute.status == 2);
  CHECK_MESSAGE(contains(absolute.output, "the config in " + (folder / "run").string()),
                absolute.output);
  CHECK(!contains(absolute.output, "relative to the working directory"));
}

TEST_CASE("odd texts are read as they are, and what is not text gets a message") {
  const TemporaryFolder folder;
  const auto open = [&](const std::string& text, const std::string& tokenizer = "char") {
    put_bytes(folder / "text.txt", text);
    return open_with("text", {{"path", (folder / "text.txt").string()}, {"tokenizer", tokenizer}},
                     8);
  };
  std::string lines, zeros;
  for (int i = 0; i < 40; ++i) lines += "ab\r\ncd\r\n", zeros += std::string("a\0b", 3);
  CHECK(open(lines)->vocabulary() == 6);
  CHECK(open("\xef\xbb\xbf" + lines)->vocabulary() == 7);
  CHECK(open(zeros)->vocabulary() == 3);
  for (const char* tokenizer : {"char", "byte"}) {
    CHECK(contains(error_of([&] { open("", tokenizer); }), "text.txt is empty"));
    CHECK(contains(error_of([&] { open("abc", tokenizer); }), "too few for one sequence"));
  }
  CHECK(contains(error_of([&] { open("\xff\xfe" + zeros); }),
                 "text.txt is not UTF-8: byte 0 is 0xFF. Use tokenizer: byte"));
  CHECK(contains(error_of([&] { open(lines + "\xe2\x82"); }), "byte 320 is 0xE2"));
  CHECK(open("\xff\xfe" + zeros, "byte")->vocabulary() == 256);
}

}  // namespace waiver
