// Files of token ids in which every row is a sequence, and runs without files of their own.
#include <algorithm>
#include <cmath>
#include <set>

#include "data/objective.h"
#include "datasets.h"
#include "imported.h"
#include "npy.h"
#include "probe/probe_batch.h"
#include "program.h"
#include "train/validation.h"

namespace waiver {
namespace {

constexpr int64_t N = 9, kRows = 70, V = 200;

// Row r has the tokens r, r + 7, r + 14, …, modulo 199; a row begins with 199 where `first`.
std::vector<int64_t> rows(int64_t count, bool first = false) {
  std::vector<int64_t> out;
  for (int64_t r = 0; r < count; ++r)
    for (int64_t t = 0; t < N; ++t) out.push_back(first && t == 0 ? 199 : (r + 7 * t) % 199);
  return out;
}

/// A file of rows for both parts.
class Rows {
 public:
  explicit Rows(const std::vector<int64_t>& ids = rows(kRows)) {
    put_bytes(folder_ / "rows.npy", npy_of(ids, N));
  }
  std::string path(const char* name = "rows.npy") const { return (folder_ / name).string(); }
  std::unique_ptr<Dataset> open(int64_t context, SetFields::Values more = {}) const {
    more.insert({{"train", path()}, {"validation", path()}, {"vocabulary", std::to_string(V)}});
    return open_with("tokens", std::move(more), context);
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

// Whether sequence b is the beginning of row r, and its targets are the tokens that follow there.
bool is_row(const Batch& batch, int64_t b, int64_t r) {
  for (int64_t t = 0; t < batch.tokens; ++t) {
    const int64_t n = b * batch.tokens + t;
    if (batch.inputs[n] != (r + 7 * t) % 199) return false;
    if (batch.targets[n] != (t + 1 < N ? (r + 7 * (t + 1)) % 199 : -1)) return false;
  }
  return true;
}

const std::string kModel =
    "model: {layers: 1, heads: 2, width: 16, context: 8, position: rope, mlp: {width: 16}}\n";

// A run without data of its own, and files for it.
class ImportedRun {
 public:
  ImportedRun() {
    import_fresh(folder_ / "run", kModel + "data: {kind: tokens, vocabulary: 40}\n");
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < 300; ++i) ids.push_back(i * i % 40);
    put_bytes(folder_ / "stream.npy", npy_of(ids));
    put_bytes(folder_ / "rows.npy", npy_of(ids, 10));
    put_bytes(folder_ / "zero.yaml",
              "arms: [{name: zero, edits: [{at: [blocks.*.attn.v], edit: zero}]}]\n");
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Ended verb(const std::string& name, std::vector<std::string> more) const {
    more.insert(more.begin(), {name, path("run")});
    return run_program(more);
  }
  std::string validation(const std::string& name) const { return "data.validation=" + path(name); }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("every row is one sequence, and validation takes them in order") {
  const Rows file;
  for (const int64_t T : {N, N - 1, int64_t{4}}) {
    CAPTURE(T);
    const auto data = file.open(T);
    CHECK(data->validation_windows(T) == kRows);
    const Batch batch = batch_of(*data, kRows + 3, T, 5, Split::validation);
    for (int64_t b = 0; b < batch.batch; ++b) CHECK(is_row(batch, b, (5 + b) % kRows));
  }
}

TEST_CASE("a probe of 64 sequences looks at the first 64 rows, each once") {
  const Rows file;
  const auto data = file.open(N);
  const Batch batch = probe_batch(*data, 3, 64, N);
  for (int64_t b = 0; b < 64; ++b) CHECK(is_row(batch, b, b));
  const Batch more = probe_batch(*data, 3, kRows + 2, N);
  for (int64_t b = 0; b < more.batch; ++b) CHECK(is_row(more, b, b % kRows));
}

TEST_CASE("training draws whole rows at random") {
  const Rows file;
  const auto data = file.open(N);
  std::vector<int> drawn(kRows);
  for (int64_t step = 0; step < 20; ++step) {
    const Batch batch = batch_of(*data, kRows, N, step);
    for (int64_t b = 0; b < kRows; ++b) {
      REQUIRE(is_row(batch, b, batch.inputs[b * N]));
      ++drawn[batch.inputs[b * N]];
    }
  }
  // 20 draws of each on average; fewer than 3 or more than 50 of one row: below 1e-5.
  CHECK(std::ranges::min(drawn) >= 3);
  CHECK(std::ranges::max(drawn) <= 50);
}

TEST_CASE("the tokens with which all rows begin are the front of every sequence") {
  const auto data = Rows(rows(kRows, true)).open(N);
  CHECK(data->front() == std::vector<int32_t>{199});
  CHECK(data->fixed(0));
  CHECK(!data->fixed(1));
  const Batch dropped =
      probe_batch(*data, 0, 60, N, {ProbeTokens::Content::natural, ProbeTokens::Bos::drop});
  std::set<int32_t> firsts;
  for (int64_t b = 0; b < 60; ++b) {
    firsts.insert(dropped.inputs[b * N]);
    for (int64_t t = 1; t < N; ++t) REQUIRE(dropped.inputs[b * N + t] == (b + 7 * t) % 199);
  }
  CHECK(firsts.size() > 30);
  const auto masked = Kind<Objective>("masked_token")->apply(Rows(rows(9, true)).open(N), 0);
  const Batch batch = batch_of(*masked, 200, N);
  for (int64_t b = 0; b < 200; ++b) CHECK(batch.targets[b * N] == -1);
  CHECK(Rows().open(N)->front().empty());
  CHECK(Rows(rows(1)).open(N)->front().empty());  // a single row does not tell
}

TEST_CASE("a limit keeps the first rows, and only whole ones") {
  const Rows file;
  const auto data = file.open(N, {{"limit", std::to_string(3 * N)}});
  const Batch batch = batch_of(*data, 50, N);
  for (int64_t b = 0; b < 50; ++b) CHECK(batch.inputs[b * N] < 3);
  CHECK(error_of([&] {
          file.open(N, {{"limit", "20"}});
        }) == "data.limit: 20 tokens are no whole number of sequences of 9. 0 uses all of them.");
}

TEST_CASE("rows are neither stretched nor framed") {
  const Rows file;
  CHECK(error_of([&] { file.open(N + 1); }) ==
        "model.context: 10 is more than the 9 tokens of each sequence of the training part. Write "
        "model.context=9, or make longer sequences.");
  const auto refuses = [&](SetFields::Values options, const std::string& key) {
    CHECK(error_of([&] { file.open(N, std::move(options)); }) ==
          key +
              ": the training part consists of sequences, whose tokens are taken as they are. "
              "scripts/make_tokens.py puts tokens around them: --first, --last.");
  };
  refuses({{"first", "1"}}, "data.first");
  refuses({{"last", "1"}}, "data.last");
  refuses({{"edits.fixed_at", "2"}, {"edits.fixed_token", "1"}}, "data.edits.fixed_at");
  refuses({{"edits.random", "0,2"}}, "data.edits.random");
}

TEST_CASE("a part may be rows and the other a stream") {
  const Rows file;
  put_bytes(file.folder() / "stream.npy", npy_of(rows(kRows)));
  const auto data = file.open(N, {{"train", file.path("stream.npy")}});
  CHECK(is_row(batch_of(*data, 1, N, 7, Split::validation), 0, 7));
  const Batch train = batch_of(*data, 200, N);
  int64_t across = 0;
  for (int64_t b = 0; b < 200; ++b) across += !is_row(train, b, train.inputs[b * N]);
  CHECK(across > 100);
}

TEST_CASE("a validation of rows is the mean over the targets within them, each row once") {
  const Rows file;
  const auto data = file.open(N);
  ModelConfig config;
  config.layers = 1;
  config.width = 16;
  config.context = N;
  config.mlp.width = 16;
  const Transformer model(config, V, 2);
  TrainConfig train;
  CHECK(full_coverage(train, *data, N).text() == "all 70 sequences of 9");
  const Batch all = batch_of(*data, kRows, N, 0, Split::validation);
  Arena arena;
  Tape tape(arena, false);
  const Tensor logits = model.forward(tape, {all.inputs, kRows, N}).value;
  double sum = 0;
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t t = 0; t + 1 < N; ++t) {
      const float* row = logits.row(r * N + t);
      double whole = 0;
      for (int64_t v = 0; v < V; ++v) whole += std::exp(static_cast<double>(row[v]));
      sum += std::log(whole) - row[(r + 7 * (t + 1)) % 199];
    }
  const double right = sum / static_cast<double>(kRows * (N - 1));
  // Logits are floats of about 1, and products of fewer rows may be rounded in another order.
  for (const int64_t part : {kRows, int64_t{7}, int64_t{1}}) {
    Arena own;
    CHECK(validation_loss(model, *data, {0, kRows, part}, own) ==
          doctest::Approx(right).epsilon(1e-6));
  }
}

TEST_CASE("a run without data of its own says what to name, and works on what is named") {
  const ImportedRun run;
  const std::string lacks =
      "data.validation: this run has no data of its own. Name some: data.kind=tokens "
      "data.validation=FILE.";
  for (const auto& [verb, more] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"eval", {}},
           {"probe", {}},
           {"probe", {"--mechanism"}},
           {"intervene", {run.path("zero.yaml"), "--out", run.path("zero.h5")}}}) {
    CAPTURE(verb);
    const Ended bare = run.verb(verb, more);
    CHECK(bare.status == 2);
    CHECK_MESSAGE(contains(bare.output, lacks), bare.output);
    for (const char* file : {"stream.npy", "rows.npy"})
      for (const bool kind : {false, true}) {
        std::vector<std::string> named = more;
        if (kind) named.emplace_back("data.kind=tokens");
        named.push_back(run.validation(file));
        if (verb == "intervene") named.emplace_back("--overwrite");
        const Ended ended = run.verb(verb, named);
        CHECK_MESSAGE(ended.status == 0, ended.output);
      }
  }
  const Ended eval = run.verb("eval", {run.validation("rows.npy")});
  CHECK_MESSAGE(contains(eval.output, "(all 30 sequences of 8)"), eval.output);
  const Ended longer = run.verb("eval", {run.validation("rows.npy"), "--context", "12"});
  CHECK(longer.status == 2);
  CHECK_MESSAGE(contains(longer.output, "Write model.context=10"), longer.output);
  CHECK(run.verb("sample", {"--prompt", "3 7", "--tokens", "2"}).status == 0);
  const Ended sample = run.verb("sample", {"--tokens", "2"});
  CHECK(sample.status == 2);
  CHECK_MESSAGE(contains(sample.output, "--prompt: this run has no data of its own"),
                sample.output);
}

TEST_CASE("training needs data to train on and to validate on, and says so before it begins") {
  const ImportedRun run;
  const std::string config = run.path("c.yaml"), study = run.path("s.yaml"), out = run.path("out");
  const std::string tokens = "data: {kind: tokens, vocabulary: 40";
  std::ofstream(study) << "base: c.yaml\ngrid: {train.steps: [1, 2]}\n";
  const auto refuses = [&](const std::string& data, const std::string& key) {
    std::ofstream(config) << kModel << data << "}\ntrain: {steps: 1, batch: 2}\n";
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"train", config, "--out", out},
                                               {"config", "check", config},
                                               {"config", "check", study},
                                               {"sweep", study, "--out", out},
                                               {"sweep", study, "--out", out, "--dry-run"}}) {
      CAPTURE(command[0]);
      const Ended ended = run_program(command);
      CHECK(ended.status == 2);
      CHECK_MESSAGE(contains(ended.output, "c.yaml:2:1: " + key +
                                               ": it must be given for training. Name a file of "
                                               "tokens: " +
                                               key + "=FILE."),
                    ended.output);
      CHECK(!std::filesystem::exists(out));
    }
  };
  refuses(tokens, "data.train");
  refuses(tokens + ", validation: " + run.path("rows.npy"), "data.train");
  refuses(tokens + ", train: " + run.path("rows.npy"), "data.validation");
  std::ofstream(config) << kModel << tokens << ", train: " << run.path("rows.npy")
                        << ", validation: " << run.path("stream.npy")
                        << "}\ntrain: {steps: 1, batch: 2}\nprobe: {batch: 2}\n";
  const Ended trained = run_program({"train", config, "--out", out});
  CHECK_MESSAGE(trained.status == 0, trained.output);
}

}  // namespace waiver
