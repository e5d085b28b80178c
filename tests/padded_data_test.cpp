// Padding in the data: what is predicted, masked and drawn, and runs on padded rows.
#include <fstream>
#include <set>

#include "data/objective.h"
#include "npy.h"
#include "padded_data.h"
#include "probe/probe_batch.h"
#include "program.h"

namespace waiver {

TEST_CASE("next_token neither predicts padding nor from padding, and a prefix stays given") {
  const auto all = sequences_of({4, 6, 1});
  for (const int64_t given : {0, 3}) {
    const auto data = Kind<Objective>("next_token")->apply(padded(all), given);
    const Batch batch = batch_of(*data, 3, 6);
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t t = 0; t < 6; ++t) {
        const bool predicted = t + 1 < std::ssize(all[b]) && t + 1 >= given;
        CHECK(batch.targets[b * 6 + t] == (predicted ? all[b][t + 1] : -1));
      }
  }
}

namespace {

// Rows of 8: a special token 1, some text, another special token 2, padding 0.
std::string padded_rows(int64_t count) {
  std::vector<int64_t> ids;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t text = 1 + r % 6;
    ids.push_back(1);
    for (int64_t t = 0; t < text; ++t) ids.push_back(3 + (5 * r + 7 * t) % 17);
    ids.push_back(2);
    for (int64_t t = text + 2; t < 8; ++t) ids.push_back(0);
  }
  return npy_of(ids, 8);
}

}  // namespace

TEST_CASE("neither padding nor special tokens are masked, or drawn at random") {
  const TemporaryFolder folder;
  put_bytes(folder / "rows.npy", padded_rows(40));
  const std::string path = (folder / "rows.npy").string();
  const auto open = [&] {
    return with_padding(
        open_with(
            "tokens",
            {{"train", path}, {"validation", path}, {"vocabulary", "21"}, {"special", "20,1,2"}},
            8),
        0);
  };
  const std::set<int32_t> never = {0, 1, 2, 20};
  for (const char* token : {"-1", "20"}) {
    Kind<Objective> objective("masked_token");
    SetFields fields({{"token", token}, {"rate", 0.5}, {"random", 0.2}});
    objective->options(fields);
    const auto data = objective->apply(open(), 0);
    const bool own = token == std::string("20");
    CHECK(data->vocabulary() == (own ? 21 : 22));
    CHECK(data->mask_token() == (own ? 20 : 21));
    const Batch batch = batch_of(*data, 500, 8);
    std::set<int32_t> drawn;
    for (size_t n = 0; n < batch.inputs.size(); ++n) {
      if (never.contains(batch.whole[n])) {
        CHECK(batch.inputs[n] == batch.whole[n]);
        CHECK(batch.targets[n] == -1);
      } else if (batch.inputs[n] != data->mask_token()) {
        CHECK(!never.contains(batch.inputs[n]));
        if (batch.inputs[n] != batch.whole[n]) drawn.insert(batch.inputs[n]);
      }
    }
    CHECK(drawn.size() == 17);
  }
  Kind<Objective> beyond("masked_token");
  SetFields fields(SetFields::Values{{"token", "21"}});
  beyond->options(fields);
  CHECK(error_of([&] { beyond->apply(open(), 0); }) ==
        "train.objective.token: 21 is not a token id of this data. Ids go up to 20.");

  const auto data = open();
  CHECK(data->front() == std::vector<int32_t>{1});
  const Batch natural = probe_batch(*data, 0, 40, 8),
              random = probe_batch(*data, 0, 40, 8, {ProbeTokens::Content::random}),
              dropped = probe_batch(*data, 0, 40, 8,
                                    {ProbeTokens::Content::natural, ProbeTokens::Bos::drop});
  int64_t changed = 0;
  for (int64_t n = 0; n < 40 * 8; ++n) {
    const int32_t was = natural.inputs[n];
    CHECK((never.contains(was) ? random.inputs[n] == was : !never.contains(random.inputs[n])));
    changed += random.inputs[n] != was;
    CHECK((n % 8 > 0 ? dropped.inputs[n] == was : !never.contains(dropped.inputs[n])));
    CHECK((random.targets[n] < 0) == (natural.targets[n] < 0));
    if (random.targets[n] >= 0) CHECK(random.targets[n] == random.inputs[n + 1]);
  }
  CHECK(changed > 100);
}

TEST_CASE("padded rows can be trained on, and what cannot be measured is refused before") {
  const TemporaryFolder folder;
  put_bytes(folder / "rows.npy", padded_rows(40));
  const std::string config = (folder / "c.yaml").string(), out = (folder / "run").string(),
                    rows = (folder / "rows.npy").string();
  std::ofstream(config)
      << "model: {layers: 1, heads: 2, width: 16, context: 8, mlp: {width: 16}, "
         "token_types: {count: 2, separator: 2}, attention: {mask: {kind: "
         "bidirectional, padding: 0}}}\ndata: {kind: tokens, vocabulary: 21, "
         "special: [1, 2], train: "
      << rows << ", validation: " << rows
      << "}\ntrain: {steps: 3, batch: 6, accumulate: 3, objective: masked_token}\n"
         "probe: {every: 1, snapshots: [3], mechanism: [3], batch: 8}\n";
  const auto train = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"train", config, "--out", out});
    return run_program(more);
  };
  const Ended fine = train({"--overwrite"});
  REQUIRE_MESSAGE(fine.status == 0, fine.output);
  for (const char* verb : {"eval", "probe"}) CHECK(run_program({verb, out}).status == 0);
  std::vector<int64_t> two;  // rows whose last positions are all padding
  for (int64_t i = 0; i < 64; ++i) two.push_back(i % 8 < 5 ? 3 + i % 7 : 0);
  put_bytes(folder / "two.npy", npy_of(two, 8));
  const Ended probed = run_program(
      {"probe", out, "data.train=" + rows, "data.validation=" + (folder / "two.npy").string()});
  const size_t layer = probed.output.find("\n0  ", probed.output.find("kurtosis"));
  REQUIRE_MESSAGE(layer != std::string::npos, probed.output);
  const std::string line =
      probed.output.substr(layer + 1, probed.output.find('\n', layer + 1) - layer);
  CHECK_MESSAGE(!contains(line, "–"), line);
  put_bytes(folder / "zero.yaml",
            "arms: [{name: zero, edits: [{at: [blocks.*.attn.v], edit: zero, positions: "
            "[waiver]}]}]\n");
  const Ended zero = run_program({"intervene", out, (folder / "zero.yaml").string()});
  CHECK_MESSAGE(zero.status == 0, zero.output);
  std::filesystem::remove_all(out);

  const auto refuses = [&](const std::vector<std::string>& more, const std::string& message) {
    const Ended ended = train(more);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(ended.output, message), ended.output);
    CHECK(!std::filesystem::exists(out));
  };
  refuses(
      {"model.attention.mask.padding=21"},
      "model.attention.mask.padding: 21 is not a token id of this data. Ids go up to 20; -1: no "
      "padding.");
  refuses(
      {"model.token_types.separator=22"},
      "model.token_types.separator: 22 is not a token id of this data. Ids go up to 20; -1: one "
      "segment.");
  refuses({"data=nop", "model.input=features", "model.width=64", "model.heads=2",
           "train.objective=regression", "model.dedicated.count=1", "model.token_types.count=0"},
          "model.attention.mask.padding: data.kind nop gives real-valued features, which have no "
          "padding. Write padding: -1.");
  std::vector<int64_t> ids(16, 0);
  ids[0] = ids[1] = ids[2] = 5;
  put_bytes(folder / "rows.npy", npy_of(ids, 8));
  refuses({},
          "model.attention.mask.padding: sequence 1 of the probe batch is nothing but padding "
          "(token 0). Leave such sequences out of the data.");
  ids[8] = 6;
  put_bytes(folder / "rows.npy", npy_of(ids, 8));
  refuses({}, "before its padding, the shortest sequence of the probe batch has 1 token");
}

}  // namespace waiver
