#include <cmath>

#include "datasets.h"

using namespace waiver;

TEST_CASE("first and last tokens frame every sequence of every dataset") {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "text.txt").string();
  write_file(path, std::string(300, 'a') + std::string(300, 'b'));
  const std::string tokens = (folder.path() / "t.bin").string();
  write_file(tokens, std::string(400, '\x01'));
  for (const auto& [kind, more, first, last] :
       {std::tuple{"bigram_backcopy", SetFields::Values{}, 65, 67},
        {"bigram_backcopy_random", {}, 0, 64},
        {"unigram", {}, 100, 101},
        {"text", {{"path", path}}, 2, 3},
        {"tokens", {{"train", tokens}, {"validation", tokens}, {"vocabulary", "300"}}, 300, 301},
        {"tokens",
         {{"train", tokens}, {"validation", tokens}, {"vocabulary", "300"}, {"first_id", "5"}},
         5,
         300}}) {
    CAPTURE(kind);
    SetFields::Values options = more;
    options["first"] = "2";
    options["last"] = "1";
    const auto data = open_with(kind, options, 12);
    CHECK(data->vocabulary() == last + 1);
    CHECK(data->text(last) == "</s>");
    CHECK(data->front() == std::vector<int32_t>{first, first});
    for (const Split split : {Split::train, Split::validation}) {
      const Batch batch = batch_of(*data, 5, 12, 0, split);
      for (int64_t b = 0; b < 5; ++b) {
        const int32_t *x = &batch.inputs[b * 12], *y = &batch.targets[b * 12];
        CHECK((x[0] == first && x[1] == first && x[2] != first));
        CHECK((x[11] == last && x[10] != last && y[11] == -1));
        for (int64_t t = 0; t < 11; ++t) CHECK(y[t] == x[t + 1]);
        for (const int64_t t : {0, 1, 2, 11})
          CHECK(data->query_role(x, t) == kPlain);  // x_2 is drawn without triggers
      }
    }
  }
  const auto bare = open_with("bigram_backcopy", {{"first", "0"}}, 12);
  CHECK(bare->front().empty());
  for (const int32_t token : batch_of(*bare, 50, 12).inputs) CHECK(token < 65);
}

TEST_CASE("edits put a fixed token at p and uniform tokens in [a, b), in every split") {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "text.txt").string();
  write_file(path, std::string(300, 'a') + "bcdefghij" + std::string(300, 'a'));
  const SetFields::Values plain = {{"path", path}, {"first", "1"}};
  SetFields::Values edited = plain;
  edited["edits.fixed_at"] = "3";
  edited["edits.fixed_token"] = "5";
  edited["edits.random"] = "0,2";
  const auto before = open_with("text", plain, 8), data = open_with("text", edited, 8);
  CHECK(data->content().end == 10);
  CHECK(data->fixed(3));
  CHECK(!data->fixed(0));
  CHECK(data->front().empty());
  std::vector<int> counts(10);
  for (const Split split : {Split::train, Split::validation, Split::probe}) {
    const Batch a = batch_of(*before, 2000, 8, 1, split), b = batch_of(*data, 2000, 8, 1, split);
    for (int64_t n = 0; n < 16000; ++n) {
      if (n % 8 < 7) REQUIRE(b.targets[n] == b.inputs[n + 1]);
      if (n % 8 == 3) REQUIRE(b.inputs[n] == 5);
      if (n % 8 < 2) ++counts[b.inputs[n]];
      if (n % 8 == 2 || n % 8 > 3) REQUIRE(b.inputs[n] == a.inputs[n]);
      if (n % 8 == 7) REQUIRE(b.targets[n] == a.targets[n]);
    }
  }
  // 12,000 draws: the standard error of a count is 33.
  for (const int count : counts) CHECK(std::abs(count - 1200) < 150);
}

TEST_CASE("a limit keeps only the beginning of the training part") {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "text.txt").string();
  write_file(path, std::string(50, 'a') + std::string(850, 'b') + std::string(100, 'c'));
  const auto data = open_with("text", {{"path", path}, {"limit", "50"}}, 8);
  CHECK(data->vocabulary() == 3);
  for (const int32_t token : batch_of(*data, 100, 8).inputs) CHECK(token == 0);
  for (const int32_t token : batch_of(*data, 5, 8, 0, Split::validation).inputs) CHECK(token == 2);
  CHECK_THROWS_WITH_AS(open_with("text", {{"path", path}, {"limit", "901"}}, 8),
                       doctest::Contains("has only 900 tokens"), UsageError);
}

TEST_CASE("a first token precedes every window of a text") {
  const TemporaryFolder folder;
  write_file(folder.path() / "text.txt", std::string(300, 'a') + std::string(300, 'b'));
  const auto data =
      data_with("text", {{"path", (folder.path() / "text.txt").string()}, {"first", "1"}});
  data->open(16);
  CHECK(data->vocabulary() == 3);
  CHECK(data->front() == std::vector<int32_t>{2});
  Batch batch;
  batch.resize(4, 16);
  data->batch(0, Split::train, 0, batch);
  for (int64_t b = 0; b < 4; ++b) {
    CHECK(batch.inputs[b * 16] == 2);
    for (int64_t t = 0; t + 1 < 16; ++t)
      CHECK(batch.targets[b * 16 + t] == batch.inputs[b * 16 + t + 1]);
  }
}

TEST_CASE("impossible edits are refused by name") {
  const auto complaint = [&](SetFields::Values options, const char* text) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(open_with("unigram", std::move(options), 8), doctest::Contains(text),
                         UsageError);
  };
  complaint({{"first", "4"}, {"last", "4"}}, "leave no room for the data");
  complaint({{"edits.fixed_at", "8"}, {"edits.fixed_token", "0"}}, "position 8 is beyond");
  complaint({{"edits.fixed_at", "2"}}, "it goes together with data.edits.fixed_at");
  complaint({{"edits.fixed_token", "2"}}, "it goes together with data.edits.fixed_at");
  complaint({{"edits.fixed_at", "2"}, {"edits.fixed_token", "101"}}, "101 is not a token id");
  complaint({{"edits.random", "4,2"}}, "[4, 2) is not a range of positions");
  complaint({{"edits.random", "4,9"}}, "must lie within [0, model.context = 8)");
  complaint({{"edits.random", "3,3"}}, "[3, 3) is not a range of positions");
  complaint({{"edits.fixed_at", "1,2,3,4,5,6,7"}, {"edits.fixed_token", "1"}},
            "no position is left for the data");
}
