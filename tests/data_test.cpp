#include <cmath>

#include "core/random.h"
#include "data/backcopy.h"
#include "datasets.h"

using namespace waiver;

namespace {

double entropy(const Sampler& s) {
  double h = 0;
  for (int64_t v = 0; v < 67; ++v)
    if (const double p = s.probability(v); p > 0) h -= p * std::log(p);
  return h;
}

}  // namespace

TEST_CASE("the embedded counts have the published entropies") {
  const auto data = open_data("bigram_backcopy");
  const auto& task = dynamic_cast<const BackcopyTask&>(*data);
  CHECK(task.vocabulary() == 67);
  CHECK(task.front() == std::vector<int32_t>{65});
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
    REQUIRE(data->query_role(x, 1) == kPlain);
    for (int64_t t = 0; t < 256; ++t) {
      if (t + 1 < 256) REQUIRE(y[t] == x[t + 1]);
      REQUIRE(y[t] < 65);
      data->next(x, t, p);
      REQUIRE(p[y[t]] > 0);
      if (data->query_role(x, t) == 1) {
        ++triggers;
        REQUIRE(y[t] == x[t - 1]);
        REQUIRE(data->query_role(y, t) == kPlain);  // a trigger never follows a trigger
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
    CHECK(data->query_role(tokens.data(), 1) == 1);
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
  CHECK(task.front() == std::vector<int32_t>{0});
  for (int32_t a = 0; a < 64; ++a) {
    CHECK(task.follow(a).probability(0) == 0);
    if (a >= 61)
      for (int32_t b = 61; b < 64; ++b) CHECK(task.follow(a).probability(b) == doctest::Approx(0));
  }
  for (int32_t v = 0; v < 64; ++v)
    CHECK(task.opening().probability(v) == doctest::Approx(v > 0 && v < 61 ? 1.0 / 60 : 0.0));
}

TEST_CASE("Bigram-Backcopy draws what follows place (b, t) by number b·T + t of its stream") {
  const auto data = open_data("bigram_backcopy");
  const auto& task = dynamic_cast<const BackcopyTask&>(*data);
  const Batch batch = batch_of(*data, 9, 64, 3);
  const Random random(0, "train", 3);
  for (int64_t b = 0; b < 9; ++b)
    for (int64_t t = 0; t < 64; ++t) {
      const int32_t *x = &batch.inputs[b * 64], *y = &batch.targets[b * 64];
      const double u = random.uniform(b * 64 + t);
      const bool trigger = t > 0 && data->query_role(x, t) == 1;
      CHECK(y[t] == (t == 0 ? task.opening()(u) : trigger ? x[t - 1] : task.follow(x[t])(u)));
    }
}

TEST_CASE("each rule says what follows a trigger") {
  const auto law = [](const SetFields::Values& options, const std::string& before) {
    const auto data = open_with("bigram_backcopy", options, 64);
    std::vector<int32_t> x = data->encode(before);
    x.insert(x.begin(), 65);
    std::vector<float> p(data->vocabulary());
    data->next(x.data(), std::ssize(x) - 1, p);
    return p;
  };
  const auto data = open_data("bigram_backcopy");
  const auto& task = dynamic_cast<const BackcopyTask&>(*data);
  const auto check = [&](const std::vector<float>& p, double copied, char copy, double drawn,
                         const Sampler& from) {
    const int32_t id = data->encode(std::string(1, copy))[0];
    for (int32_t v = 0; v < 67; ++v)
      CHECK(p[v] == doctest::Approx(drawn * from.probability(v) + (v == id) * copied));
  };
  const Sampler &e = task.follow(data->encode("e")[0]), &b = task.follow(data->encode("b")[0]);
  check(law({}, "abe"), 1, 'b', 0, e);
  check(law({{"rule", "markov"}}, "abe"), 0, 'b', 1, e);
  check(law({{"rule", "dormant"}}, "abe"), 0, 'b', 1, b);
  check(law({{"rule", "interpolate"}, {"rule.p", "0.25"}}, "abe"), 0.25, 'b', 0.75, e);
  check(law({{"rule", "in_context"}}, "abe"), 0, 'b', 1, task.opening());
  check(law({{"rule", "in_context"}}, "aexbte"), 1, 'x', 0, e);
  check(law({{"rule", "in_context"}}, "aexbet"), 0, 'x', 1, task.opening());
  for (const char* rule : {"copy", "markov", "dormant", "interpolate", "in_context"})
    check(law({{"rule", rule}}, "eab"), 0, 'b', 1, b);
}

namespace {

// By how many standard errors the tokens that follow queries of a role differ from what `next`
// tells, at worst over all tokens, and in the mean of −log p.
struct Surprise {
  double worst = 0, loss = 0;
};
Surprise surprise(const Dataset& data, const Batch& batch, int64_t role) {
  const int64_t T = batch.tokens, V = data.vocabulary();
  std::vector<double> excess(V), variance(V);
  std::vector<float> p(V);
  double loss = 0, squares = 0;
  for (int64_t n = 0; n < batch.batch * T; ++n) {
    const int32_t* x = &batch.inputs[n / T * T];
    if (batch.targets[n] < 0 || data.query_role(x, n % T) != role) continue;
    data.next(x, n % T, p);
    double total = 0, mean = 0, square = 0;
    for (int64_t v = 0; v < V; ++v) {
      total += p[v];
      excess[v] += (v == batch.targets[n]) - p[v];
      variance[v] += p[v] * (1.0 - p[v]);
      if (p[v] > 0) mean -= p[v] * std::log(p[v]), square += p[v] * std::pow(std::log(p[v]), 2);
    }
    REQUIRE(total == doctest::Approx(1));
    REQUIRE(p[batch.targets[n]] > 0);
    loss += -std::log(p[batch.targets[n]]) - mean;
    squares += square - mean * mean;
  }
  Surprise out;
  for (int64_t v = 0; v < V; ++v)
    if (variance[v] > 1)
      out.worst = std::max(out.worst, std::abs(excess[v]) / std::sqrt(variance[v]));
  out.loss = std::abs(loss) / std::sqrt(std::max(squares, 1.0));
  return out;
}

}  // namespace

TEST_CASE("every task, under every rule and edit, draws what it says comes next") {
  const SetFields::Values edits[] = {
      {},
      {{"first", "0"}},
      {{"first", "2"}, {"last", "1"}},
      {{"last", "2"}, {"edits.random", "0,5"}},
      {{"edits.fixed_at", "4,9"}, {"edits.fixed_token", "2"}, {"edits.random", "7,12"}},
  };
  for (const auto& entry : registry<Dataset>()) {
    if (!Kind<Dataset>(entry.name)->is_task()) continue;
    for (const auto& rule : registry<TriggerRule>())
      for (SetFields::Values options : edits) {
        const bool has_rule = entry.name != "unigram";
        if (!has_rule && rule.name != "copy") continue;
        options["rule"] = rule.name;
        CAPTURE(entry.name);
        CAPTURE(rule.name);
        CAPTURE(options.size());
        const auto data = open_with(std::string(entry.name), options, 24);
        const Batch batch = batch_of(*data, 800, 24);
        for (const int64_t role : {kPlain, kPlain + 1}) {
          const Surprise found = surprise(*data, batch, role);
          // A normal deviate among some thousand exceeds 5 once in a thousand such tests.
          CHECK(found.worst < 5);
          CHECK(found.loss < 5);
        }
      }
  }
}

TEST_CASE("trigger_average answers 0, and at its one trigger the mean of the tokens up to it") {
  const int64_t B = 500, T = 16, F = 16;
  const auto data = open_data("trigger_average", T);
  REQUIRE(data->features() == F);
  const Batch batch = batch_of(*data, B, T);
  std::vector<int64_t> triggers(T);
  double sum = 0, squares = 0;
  for (int64_t b = 0; b < B; ++b) {
    const auto x = [&](int64_t t, int64_t f) { return batch.features[(b * T + t) * F + f]; };
    for (int64_t f = 0; f < F; ++f) CHECK(x(0, f) == (f == 0));
    int64_t found = 0;
    for (int64_t t = 1; t < T; ++t) {
      const bool trigger = x(t, 1) == 1;
      found += trigger;
      triggers[t] += trigger;
      CHECK(data->query_role(&batch.inputs[b * T], t) == (trigger ? 1 : kPlain));
      CHECK((x(t, 0) == 0 && x(t, 1) == trigger && x(t, F - 1) == !trigger));
      for (int64_t f = 2; f < F - 1; ++f) {
        REQUIRE(std::abs(x(t, f)) <= 1);
        sum += x(t, f), squares += x(t, f) * x(t, f);
      }
      for (int64_t f = 0; f < F; ++f) {
        double mean = 0;
        for (int64_t s = 1; s <= t; ++s) mean += x(s, f) / static_cast<double>(t);
        CHECK(batch.answers[(b * T + t) * F + f] ==
              doctest::Approx(trigger ? mean : 0).epsilon(1e-6).scale(1));
      }
    }
    CHECK(found == 1);
  }
  CHECK((triggers[0] == 0 && triggers[1] == 0));
  const double share = static_cast<double>(B) / (T - 2), draws = B * (T - 1.0) * (F - 3);
  // Five standard deviations: of a count of 500 / 14, of a mean and of a mean square of U(−1, 1).
  for (int64_t t = 2; t < T; ++t) CHECK(std::abs(triggers[t] - share) < 5 * std::sqrt(share));
  CHECK(std::abs(sum / draws) < 5 * std::sqrt(1.0 / 3 / draws));
  CHECK(std::abs(squares / draws - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / draws));
  CHECK_THROWS_WITH(open_data("trigger_average", 2),
                    doctest::Contains("2 tokens leave no place for a trigger"));
}

TEST_CASE("real-valued batches are a pure function of seed, split and index") {
  const auto data = open_data("trigger_average", 16);
  const Batch first = batch_of(*data, 8, 16);
  CHECK(batch_of(*data, 8, 16).features == first.features);
  CHECK(batch_of(*data, 8, 16, 1).features != first.features);
  CHECK(batch_of(*data, 8, 16, 0, Split::probe).features != first.features);
}

TEST_CASE("the unigram task follows Zipf's law, with and without a first token") {
  const auto data = open_data("unigram");
  CHECK(data->vocabulary() == 101);
  CHECK(data->front() == std::vector<int32_t>{100});
  std::vector<float> p(101);
  const int32_t anything[] = {100, 7};
  data->next(anything, 1, p);
  CHECK(p[0] / p[9] == doctest::Approx(10));
  CHECK(p[100] == 0);
  const auto bare = open_with("unigram", {{"first", "0"}, {"exponent", "0"}}, 64);
  CHECK(bare->front().empty());
  bare->next(anything, 1, p);
  CHECK(p[0] == p[99]);
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
                       doctest::Contains("cannot be opened: No such file"), UsageError);
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
  CHECK_THROWS_WITH_AS(
      open_with("tokens", {{"train", path}, {"validation", path}, {"first_id", "3"}}, 8),
      doctest::Contains("no sequence has a first token"), UsageError);
  CHECK_THROWS_AS(open_data("bigram_backcopy")->encode("é"), Error);
  CHECK_THROWS_AS(open_data("bigram_backcopy_random")->encode("7 64"), Error);
  CHECK(open_data("bigram_backcopy_random")->encode("7 63") == std::vector<int32_t>{7, 63});
}
