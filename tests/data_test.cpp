#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/error.h"
#include "data/backcopy.h"
#include "data/dataset.h"
#include "temporary.h"

using namespace waiver;

namespace {

std::unique_ptr<Dataset> open_data(const std::string& kind, int64_t context = 64) {
  auto data = Kind<Dataset>(kind).make();
  data->open(context);
  return data;
}

// Reads plain `name = text` fields into a dataset's options.
class SetFields : public FieldVisitor {
 public:
  explicit SetFields(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  void field(std::string_view n, int64_t& v, Range, std::string_view) override {
    if (find(n)) v = std::stoll(*find(n));
  }
  void field(std::string_view n, double& v, Range, std::string_view) override {
    if (find(n)) v = std::stod(*find(n));
  }
  void field(std::string_view n, bool& v, std::string_view) override {
    if (find(n)) v = *find(n) == "true";
  }
  void field(std::string_view n, std::string& v, bool, std::string_view) override {
    if (find(n)) v = *find(n);
  }
  void choice(std::string_view n, std::string& v, std::span<const Choice>,
              std::string_view) override {
    if (find(n)) v = *find(n);
  }
  void field(std::string_view, std::vector<int64_t>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<double>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void block(std::string_view, std::string_view,
             const std::function<void(FieldVisitor&)>&) override {}
  void kind(std::string_view, std::string&, std::span<const Choice>, std::string_view,
            const std::function<void(FieldVisitor&)>&) override {}

 private:
  const std::string* find(std::string_view name) const {
    const auto at = values_.find(std::string(name));
    return at == values_.end() ? nullptr : &at->second;
  }
  std::map<std::string, std::string> values_;
};

std::unique_ptr<Dataset> data_with(const std::string& kind,
                                   std::map<std::string, std::string> values) {
  auto data = Kind<Dataset>(kind).make();
  SetFields fields(std::move(values));
  data->options(fields);
  return data;
}

double entropy(const Sampler& s) {
  double h = 0;
  for (int64_t v = 0; v < 67; ++v)
    if (const double p = s.probability(v); p > 0) h -= p * std::log(p);
  return h;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("the embedded counts have the published entropies") {
  const auto data = open_data("bigram_backcopy");
  const auto& task = dynamic_cast<const BackcopyTask&>(*data);
  CHECK(task.vocabulary() == 67);
  CHECK(task.first_token() == 65);
  const Sampler& unigram = task.follow(65);  // what follows <s>
  // The check values are given to four decimals.
  CHECK(entropy(unigram) == doctest::Approx(3.3128).epsilon(0.00005 / 3.3128));
  double conditional = 0;
  for (int32_t a = 0; a < 65; ++a) conditional += unigram.probability(a) * entropy(task.follow(a));
  CHECK(conditional == doctest::Approx(2.4526).epsilon(0.00005 / 2.4526));
}

TEST_CASE("Bigram-Backcopy follows its rules, with the published shares") {
  const auto data = open_data("bigram_backcopy", 256);
  Batch batch;
  batch.resize(400, 256);
  data->batch(0, Split::train, 0, batch);
  int64_t triggers = 0, plain = 0;
  double best = 0;
  std::vector<float> p(data->vocabulary());
  for (int64_t b = 0; b < batch.batch; ++b) {
    const int32_t *x = &batch.inputs[b * 256], *y = &batch.targets[b * 256];
    REQUIRE(x[0] == 65);
    REQUIRE(data->role(x, 1) == Role::plain);
    for (int64_t t = 0; t < 256; ++t) {
      if (t + 1 < 256) REQUIRE(y[t] == x[t + 1]);
      REQUIRE(y[t] < 65);
      data->next(x, t, p);
      REQUIRE(p[y[t]] > 0);
      if (data->role(x, t) == Role::trigger) {
        ++triggers;
        REQUIRE(y[t] == x[t - 1]);
        REQUIRE(data->role(y, t) == Role::plain);  // a trigger never follows a trigger
        continue;
      }
      ++plain;
      for (const float q : p)
        if (q > 0) best -= q * std::log(q);
    }
  }
  // 102,400 positions: the standard errors are about 0.0015 and 0.003.
  CHECK(static_cast<double>(triggers) / (triggers + plain) == doctest::Approx(0.255).epsilon(0.02));
  CHECK(best / plain == doctest::Approx(2.227).epsilon(0.005));
  for (const char c : {' ', 'e', 't'}) {
    const std::vector<int32_t> tokens = data->encode(std::string("a") + c);
    CHECK(data->role(tokens.data(), 1) == Role::trigger);
    CHECK(data->text(tokens[1]) == std::string(1, c));
  }
}

TEST_CASE("batches are a pure function of seed, split and index") {
  for (const char* kind : {"bigram_backcopy", "bigram_backcopy_random"}) {
    const auto data = open_data(kind);
    Batch a, b;
    a.resize(8, 64);
    b.resize(8, 64);
    data->batch(1, Split::train, 5, a);
    data->batch(1, Split::train, 9, b);
    data->batch(1, Split::train, 5, b);
    CHECK(a.inputs == b.inputs);
    CHECK(a.targets == b.targets);
    for (const auto& [seed, split, index] :
         {std::tuple{2, Split::train, 5}, {1, Split::validation, 5}, {1, Split::train, 6}}) {
      data->batch(seed, split, index, b);
      CHECK(a.inputs != b.inputs);
    }
  }
}

TEST_CASE("the corpus-free variant follows its table") {
  const auto data = open_data("bigram_backcopy_random", 128);
  const auto& task = dynamic_cast<const BackcopyTask&>(*data);
  CHECK(task.vocabulary() == 64);
  CHECK(task.first_token() == 0);
  for (int32_t a = 0; a < 64; ++a) {
    CHECK(task.follow(a).probability(0) == 0);
    if (a >= 61)
      for (int32_t b = 61; b < 64; ++b) CHECK(task.follow(a).probability(b) == doctest::Approx(0));
  }
  for (int32_t v = 0; v < 64; ++v)
    CHECK(task.first().probability(v) == doctest::Approx(v > 0 && v < 61 ? 1.0 / 60 : 0.0));
}

TEST_CASE("text by characters and by bytes round-trips, split and windowed as said") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "text.txt";
  std::string text;
  for (int i = 0; i < 100; ++i) text += "abcdé";  // 500 characters, 600 bytes
  write_file(path, text);
  for (const std::string tokenizer : {"char", "byte"}) {
    const auto data = data_with("text", {{"path", path.string()}, {"tokenizer", tokenizer}});
    data->open(10);
    CHECK(data->vocabulary() == (tokenizer == "char" ? 5 : 256));
    std::string back;
    for (const int32_t token : data->encode("bécd")) back += data->text(token);
    CHECK(back == "bécd");
    Batch batch;
    batch.resize(3, 10);
    for (const Split split : {Split::train, Split::validation, Split::probe}) {
      data->batch(3, split, 0, batch);
      for (int64_t b = 0; b < 3; ++b)
        for (int64_t t = 0; t + 1 < 10; ++t)
          CHECK(batch.targets[b * 10 + t] == batch.inputs[b * 10 + t + 1]);
    }
    // The last tenth: 50 characters or 60 bytes.
    CHECK(data->validation_windows(10) == (tokenizer == "char" ? 4 : 5));
  }
}

TEST_CASE("a first token stands before every window of a text") {
  const TemporaryFolder folder;
  write_file(folder.path() / "text.txt", std::string(300, 'a') + std::string(300, 'b'));
  const auto data =
      data_with("text", {{"path", (folder.path() / "text.txt").string()}, {"bos", "true"}});
  data->open(16);
  CHECK(data->vocabulary() == 3);
  CHECK(data->first_token() == 2);
  Batch batch;
  batch.resize(4, 16);
  data->batch(0, Split::train, 0, batch);
  for (int64_t b = 0; b < 4; ++b) {
    CHECK(batch.inputs[b * 16] == 2);
    for (int64_t t = 0; t + 1 < 16; ++t)
      CHECK(batch.targets[b * 16 + t] == batch.inputs[b * 16 + t + 1]);
  }
}

TEST_CASE("token files are read as little-endian uint16") {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 50; ++i) bytes += std::string("\x01\x01", 2) + std::string("\x02\x00", 2);
  write_file(folder.path() / "t.bin", bytes);
  const std::string path = (folder.path() / "t.bin").string();
  const auto data =
      data_with("tokens", {{"train", path}, {"validation", path}, {"vocabulary", "300"}});
  data->open(8);
  Batch batch;
  batch.resize(1, 8);
  data->batch(0, Split::validation, 0, batch);
  CHECK(batch.inputs[0] == 257);
  CHECK(batch.inputs[1] == 2);

  const auto small =
      data_with("tokens", {{"train", path}, {"validation", path}, {"vocabulary", "257"}});
  CHECK_THROWS_WITH_AS(small->open(8),
                       doctest::Contains("token 0 is 257, beyond data.vocabulary = 257"),
                       UsageError);
  write_file(folder.path() / "odd.bin", "abc");
  const std::string odd = (folder.path() / "odd.bin").string();
  CHECK_THROWS_WITH_AS(data_with("tokens", {{"train", odd}, {"validation", odd}})->open(8),
                       doctest::Contains("not a whole number of uint16 tokens"), UsageError);
}

TEST_CASE("bad data is refused before training, by name") {
  const TemporaryFolder folder;
  const std::string missing = (folder.path() / "none.txt").string();
  CHECK_THROWS_WITH_AS(data_with("text", {{"path", missing}})->open(8),
                       doctest::Contains("cannot be read"), UsageError);
  const std::string path = (folder.path() / "short.txt").string();
  write_file(path, "abcabc");
  CHECK_THROWS_WITH_AS(data_with("text", {{"path", path}})->open(8),
                       doctest::Contains("too few for one sequence of model.context = 8"),
                       UsageError);
  write_file(path, "abc\xff\xfe" + std::string(100, 'a'));
  CHECK_THROWS_WITH_AS(data_with("text", {{"path", path}})->open(8), doctest::Contains("not UTF-8"),
                       UsageError);
  CHECK_THROWS_WITH_AS(data_with("bigram_backcopy_random", {{"triggers", "63"}})->open(8),
                       doctest::Contains("leave no plain token"), UsageError);
  CHECK_THROWS_AS(open_data("bigram_backcopy")->encode("é"), Error);
  CHECK_THROWS_AS(open_data("bigram_backcopy_random")->encode("7 64"), Error);
  CHECK(open_data("bigram_backcopy_random")->encode("7 63") == std::vector<int32_t>{7, 63});
}
