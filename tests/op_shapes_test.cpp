#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "autograd/ops/loss/output_loss.h"
#include "autograd/ops/ops.h"
#include "core/error.h"
#include "core/rehearsal.h"

// What every op says of inputs that do not fit each other.

namespace fs = std::filesystem;

namespace waiver {
namespace {

/// Makes inputs, and knows whether anything but them was made.
class Given {
 public:
  Variable operator()(const Shape& shape) { return made(tape.variable(shape)); }
  template <class... N>
  Variable operator()(N... extents) {
    return (*this)(Shape{extents...});
  }
  /// Padded rows.
  Variable apart(int64_t rows, int64_t columns = 512) {
    return made({arena_.matrix(rows, columns), arena_.matrix(rows, columns)});
  }
  bool only_inputs() const { return arena_.used() == used_; }

 private:
  Variable made(const Variable& x) {
    used_ = arena_.used();
    return x;
  }
  Arena arena_;
  size_t used_ = 0;

 public:
  Tape tape{arena_};
};

struct Case {
  std::string sentence;  // `[op] …`
  std::function<void(Given&)> call;

  std::string op() const { return sentence.substr(1, sentence.find(']') - 1); }
};

const std::vector<int32_t> kFive(5);
const std::vector<float> kNumbers(5);
const std::vector<KeyRange> kDocuments(4);

std::vector<Case> elementwise() {
  return {{"[add] x [3] must be a matrix", [](Given& g) { add(g.tape, g(3), g(3)); }},
          {"[add] x [2, 3] must have the shape of z [3, 2]",
           [](Given& g) { add(g.tape, g(2, 3), g(3, 2)); }},
          {"[add] the rows of x [2, 512] must be contiguous, but their pitch is 528",
           [](Given& g) { add(g.tape, g.apart(2), g(2, 512)); }},
          {"[add] the rows of z [2, 512] must be contiguous, but their pitch is 528",
           [](Given& g) { add(g.tape, g(2, 512), g.apart(2)); }},
          {"[dropout] the rows of x [2, 512] must be contiguous, but their pitch is 528",
           [](Given& g) { dropout(g.tape, g.apart(2), 0.5, Random(0, ""), 0); }},
          {"[activate] x [3] must be a matrix",
           [](Given& g) { activate(g.tape, g(3), Activation::gelu); }},
          {"[repeat_heads] qkv [8] must be a matrix",
           [](Given& g) { repeat_heads(g.tape, g(8), 2, 1); }},
          {"[repeat_heads] 3 heads of queries cannot share 2 heads of keys and values evenly",
           [](Given& g) { repeat_heads(g.tape, g(2, 14), 3, 2); }},
          {"[repeat_heads] the last axis of qkv [2, 7] must hold 2 queries, and 1 keys and as many "
           "values",
           [](Given& g) { repeat_heads(g.tape, g(2, 7), 2, 1); }},
          {"[swiglu] gate [2, 3] must have the shape of up [2, 4]",
           [](Given& g) { swiglu(g.tape, g(2, 3), g(2, 4)); }},
          {"[swiglu] the rows of gate [2, 512] must be contiguous, but their pitch is 528",
           [](Given& g) { swiglu(g.tape, g.apart(2), g(2, 512)); }},
          {"[swiglu] the rows of up [2, 512] must be contiguous, but their pitch is 528",
           [](Given& g) { swiglu(g.tape, g(2, 512), g.apart(2)); }},
          {"[gate] x [6] must be a matrix", [](Given& g) { gate(g.tape, g(6), g(2, 3)); }},
          {"[gate] g [6] must be a matrix", [](Given& g) { gate(g.tape, g(2, 3), g(6)); }},
          {"[gate] x [2, 6] must have as many rows as g [3, 6]",
           [](Given& g) { gate(g.tape, g(2, 6), g(3, 6)); }},
          {"[gate] the last axis of x [2, 6] must be a multiple of that of g [2, 4]",
           [](Given& g) { gate(g.tape, g(2, 6), g(2, 4)); }}};
}

std::vector<Case> rows() {
  return {
      {"[embedding] table [7] must be a matrix", [](Given& g) { embedding(g.tape, kFive, g(7)); }},
      {"[add_rows] x [3] must be a matrix",
       [](Given& g) { add_rows(g.tape, g(3), g(7, 3), kFive); }},
      {"[add_rows] table [3] must be a matrix",
       [](Given& g) { add_rows(g.tape, g(10, 3), g(3), kFive); }},
      {"[add_rows] the last axis of x [10, 3] must match the last axis of table [7, 4]",
       [](Given& g) { add_rows(g.tape, g(10, 3), g(7, 4), kFive); }},
      {"[add_rows] the rows of x [8, 3] must be a multiple of the 5 rows to add",
       [](Given& g) { add_rows(g.tape, g(8, 3), g(7, 3), kFive); }},
      {"[add_rows] the rows of x [8, 3] must be a multiple of the 0 rows to add",
       [](Given& g) { add_rows(g.tape, g(8, 3), g(7, 3), {}); }},
      {"[prepend] x [4] must be a matrix", [](Given& g) { prepend(g.tape, g(4), g(1, 3), 2); }},
      {"[prepend] rows [3] must be a matrix", [](Given& g) { prepend(g.tape, g(4, 3), g(3), 2); }},
      {"[prepend] the last axis of x [4, 3] must match the last axis of rows [1, 2]",
       [](Given& g) { prepend(g.tape, g(4, 3), g(1, 2), 2); }},
      {"[prepend] the rows of x [4, 3] must be a multiple of the 3 sequences",
       [](Given& g) { prepend(g.tape, g(4, 3), g(1, 3), 3); }},
      {"[prepend] the rows of x [4, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { prepend(g.tape, g.apart(4), g(1, 512), 2); }},
      {"[prepend] the rows of rows [1, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { prepend(g.tape, g(4, 512), g.apart(1), 2); }},
      {"[without_first] x [4] must be a matrix",
       [](Given& g) { without_first(g.tape, g(4), 1, 2); }},
      {"[without_first] the rows of x [4, 3] must be a multiple of the 0 sequences",
       [](Given& g) { without_first(g.tape, g(4, 3), 1, 0); }},
      {"[without_first] each of the 2 sequences of x [4, 3] must have 3 rows to drop",
       [](Given& g) { without_first(g.tape, g(4, 3), 3, 2); }},
      {"[without_first] the rows of x [4, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { without_first(g.tape, g.apart(4), 1, 2); }}};
}

Variable feed(Given& g, const Variable& x, const Affine& up, const Affine& down) {
  return mlp(g.tape, x, up, Activation::relu, down);
}

std::vector<Case> products() {
  return {
      {"[linear] x [2, 4, 3] must be a matrix",
       [](Given& g) { linear(g.tape, g(2, 4, 3), g(3, 5)); }},
      {"[linear] weight [3] must be a matrix", [](Given& g) { linear(g.tape, g(4, 3), g(3)); }},
      {"[linear] the rows of weight [3, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { linear(g.tape, g(4, 3), g.apart(3)); }},
      {"[linear] the last axis of x [4, 3] must match the rows of weight [2, 5]",
       [](Given& g) { linear(g.tape, g(4, 3), g(2, 5)); }},
      {"[linear] bias [3] must be a vector with one number for each of the 5 outputs",
       [](Given& g) { linear(g.tape, g(4, 3), g(3, 5), g(3)); }},
      {"[linear_transposed] the last axis of x [4, 3] must match the last axis of weight [3, 5]",
       [](Given& g) { linear_transposed(g.tape, g(4, 3), g(3, 5)); }},
      {"[linear_transposed] bias [1, 5] must be a vector with one number for each of the 5 "
       "outputs",
       [](Given& g) { linear_transposed(g.tape, g(4, 3), g(5, 3), g(1, 5)); }},
      {"[mlp] x [4] must be a matrix", [](Given& g) { feed(g, g(4), {g(3, 5)}, {g(5, 2)}); }},
      {"[mlp] up [3] must be a matrix", [](Given& g) { feed(g, g(4, 3), {g(3)}, {g(5, 2)}); }},
      {"[mlp] down [5] must be a matrix", [](Given& g) { feed(g, g(4, 3), {g(3, 5)}, {g(5)}); }},
      {"[mlp] the rows of up [3, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { feed(g, g(4, 3), {g.apart(3)}, {g(512, 2)}); }},
      {"[mlp] the rows of down [5, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { feed(g, g(4, 3), {g(3, 5)}, {g.apart(5)}); }},
      {"[mlp] the last axis of x [4, 3] must match the rows of up [2, 5]",
       [](Given& g) { feed(g, g(4, 3), {g(2, 5)}, {g(5, 2)}); }},
      {"[mlp] the last axis of up [3, 5] must match the rows of down [6, 2]",
       [](Given& g) { feed(g, g(4, 3), {g(3, 5)}, {g(6, 2)}); }},
      {"[mlp] bias of up [3] must be a vector with one number for each of the 5 outputs",
       [](Given& g) {
         feed(g, g(4, 3), {g(3, 5), g(3)}, {g(5, 2)});
       }},
      {"[mlp] bias of down [3] must be a vector with one number for each of the 2 outputs",
       [](Given& g) {
         feed(g, g(4, 3), {g(3, 5)}, {g(5, 2), g(3)});
       }},
      {"[value_linear] qkv [24] must be a matrix",
       [](Given& g) { value_linear(g.tape, g(24), g(2, 4, 4)); }},
      {"[value_linear] the rows of qkv [2, 512] must be contiguous, but their pitch is 528",
       [](Given& g) { value_linear(g.tape, g.apart(2), g(2, 4, 4)); }},
      {"[value_linear] weight [2, 4, 3] must have a square matrix for each head of the values in "
       "qkv "
       "[5, 24]",
       [](Given& g) { value_linear(g.tape, g(5, 24), g(2, 4, 3)); }}};
}

std::vector<Case> norms() {
  return {{"[layer_norm] x [3] must be a matrix",
           [](Given& g) { layer_norm(g.tape, g(3), g(3), {}, 0); }},
          {"[layer_norm] gain [2] must be a vector with one number for each of the 3 channels",
           [](Given& g) { layer_norm(g.tape, g(5, 3), g(2), {}, 0); }},
          {"[layer_norm] bias [4] must be a vector with one number for each of the 3 channels",
           [](Given& g) { layer_norm(g.tape, g(5, 3), g(3), g(4), 0); }},
          {"[add_layer_norm] x [2, 3] must have the shape of z [3, 2]",
           [](Given& g) { add_layer_norm(g.tape, g(2, 3), g(3, 2), g(3), {}, 0); }},
          {"[add_rms_norm] gain [2] must be a vector with one number for each of the 3 channels",
           [](Given& g) { add_rms_norm(g.tape, g(5, 3), g(5, 3), g(2), 0); }},
          {"[rms_norm] x [3] must be a matrix", [](Given& g) { rms_norm(g.tape, g(3), g(3), 0); }},
          {"[rms_norm] gain [3, 1] must be a vector with one number for each of the 3 channels",
           [](Given& g) { rms_norm(g.tape, g(5, 3), g(3, 1), 0); }},
          {"[head_norm] qkv [24] must be a matrix",
           [](Given& g) { head_norm(g.tape, g(24), 2, g(4), g(4), false, 0); }},
          {"[head_norm] the last axis of qkv [5, 24] must hold a query, a key and a value of each "
           "of the 3 heads",
           [](Given& g) { head_norm(g.tape, g(5, 24), 3, g(4), g(4), false, 0); }},
          {"[head_norm] query_gain [8] must be a vector with one number for each of the 4 channels "
           "of a head",
           [](Given& g) { head_norm(g.tape, g(5, 24), 2, g(8), g(4), false, 0); }},
          {"[head_norm] key_gain [2] must be a vector with one number for each of the 4 channels "
           "of a head",
           [](Given& g) { head_norm(g.tape, g(5, 24), 2, g(4), g(2), false, 0); }}};
}

std::vector<Case> losses() {
  return {{"[cross_entropy] logits [5] must be a matrix",
           [](Given& g) { cross_entropy(g.tape, g(5), kFive); }},
          {"[cross_entropy] the rows of logits [4, 7] must match the 5 targets",
           [](Given& g) { cross_entropy(g.tape, g(4, 7), kFive); }},
          {"[output_loss] the rows of x [4, 7] must match the 5 targets",
           [](Given& g) {
             output_loss(g.tape, g(4, 7), {g(7, 9), {}, true}, kFive);
           }},
          {"[squared_error] x [5] must be a matrix",
           [](Given& g) { squared_error(g.tape, g(5), kNumbers, kFive); }},
          {"[squared_error] x [2, 3] must have as many numbers as the 5 answers",
           [](Given& g) { squared_error(g.tape, g(2, 3), kNumbers, kFive); }},
          {"[squared_error] x [1, 5] must have as many rows as the 5 targets",
           [](Given& g) { squared_error(g.tape, g(1, 5), kNumbers, kFive); }}};
}

std::vector<Case> rotations() {
  const auto turn = [](int64_t heads, const Shape& cos, const Shape& sin) {
    return [=](Given& g) { rotate(g.tape, g(6, 24), heads, g(cos).value, g(sin).value); };
  };
  return {
      {"[rotate] the last axis of qkv [6, 24] must hold a query, a key and a value of each of "
       "the 0 heads",
       turn(0, {3, 2}, {3, 2})},
      {"[rotate] cos [3] must be a matrix", turn(2, {3}, {3})},
      {"[rotate] sin [3, 1] must have the shape of cos [3, 2]", turn(2, {3, 2}, {3, 1})},
      {"[rotate] the rows of qkv [6, 24] must be a multiple of those of cos [4, 2]",
       turn(2, {4, 2}, {4, 2})},
      {"[rotate] cos [3, 3] must not rotate more pairs of channels than each of the 2 heads of qkv "
       "[6, 24] has",
       turn(2, {3, 3}, {3, 3})}};
}

struct Learned : RowNormalizer, ScoreBias {
  Variable learned;
  RowState start(int64_t, int64_t, int64_t) const override { return {}; }
  float extend(RowState&, float*, int64_t) const override { return 1; }
  float scale(const RowState&) const override { return 1; }
  void weigh(const RowState&, const float*, float*, int64_t) const override {}
  void backward(const RowState&, float, const float*, const float*, float*,
                int64_t) const override {}
  void add(int64_t, int32_t, const int32_t*, float*, int64_t) const override {}
  Variable parameter() const override { return learned; }
};

using Spoil = std::function<void(Given&, AttentionSpec&, Learned&)>;

/// Two sequences of five tokens, two heads of four channels, and one thing that does not fit.
std::function<void(Given&)> attend(Spoil spoil, bool apart = false) {
  return [=](Given& g) {
    Learned normalizer, spoiled;
    AttentionSpec spec;
    spec.batch = 2, spec.tokens = 5, spec.heads = 2;
    spec.normalizer = &normalizer;
    const Variable qkv = apart ? g.apart(10, 1536) : g(10, 24);
    spoil(g, spec, spoiled);
    attention(g.tape, qkv, spec);
  };
}

std::vector<Case> attentions() {
  return {
      {"[attention] the last axis of qkv [10, 24] must hold a query, a key and a value of each of "
       "the 5 heads",
       attend([](Given&, AttentionSpec& spec, Learned&) { spec.heads = 5; })},
      {"[attention] the rows of qkv [10, 1536] must be contiguous, but their pitch is 1552",
       attend([](Given&, AttentionSpec&, Learned&) {}, true)},
      {"[attention] the rows of qkv [10, 24] must be 3 sequences of 5 tokens",
       attend([](Given&, AttentionSpec& spec, Learned&) { spec.batch = 3; })},
      {"[attention] slot_key [8] must hold the 4 channels of each of the 2 heads",
       attend([](Given& g, AttentionSpec& spec, Learned&) { spec.slot_key = g(8); })},
      {"[attention] slot_value [2, 3] must hold the 4 channels of each of the 2 heads",
       attend([](Given& g, AttentionSpec& spec, Learned&) { spec.slot_value = g(2, 3); })},
      {"[attention] the normalizer's parameter [4] must be a vector with one number for each "
       "of the 2 heads",
       attend([](Given& g, AttentionSpec& spec, Learned& learned) {
         learned.learned = g(4);
         spec.normalizer = &learned;
       })},
      {"[attention] the bias's parameter [3, 7] must have a row for each of the 2 heads",
       attend([](Given& g, AttentionSpec& spec, Learned& learned) {
         learned.learned = g(3, 7);
         spec.bias = &learned;
       })},
      {"[attention] the 0 positions must match the 5 tokens",
       attend([](Given&, AttentionSpec& spec, Learned& learned) { spec.bias = &learned; })},

      {"[attention] the 4 documents must match the 5 tokens of 2 sequences",
       attend([](Given&, AttentionSpec& spec, Learned&) { spec.documents = kDocuments; })},
      {"[attention] scores [2, 2, 5] must have the shape [2, 2, 5, 5]",
       attend([](Given& g, AttentionSpec& spec, Learned&) { spec.scores = g(2, 2, 5).value; })},
      {"[attention] pattern [2, 2, 5, 4] must have the shape [2, 2, 5, 5]",
       attend([](Given& g, AttentionSpec& spec, Learned&) { spec.pattern = g(2, 2, 5, 4).value; })},
      {"[attention] slot_pattern [20] must have the shape [2, 2, 5]",
       attend([](Given& g, AttentionSpec& spec, Learned&) { spec.slot_pattern = g(20).value; })}};
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const auto& part :
       {elementwise(), rows(), products(), norms(), losses(), rotations(), attentions()})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path ops_folder() { return fs::path(WAIVER_SOURCE_DIR) / "src/autograd/ops"; }

int64_t matches(const std::string& text, const char* expression) {
  const std::regex pattern(expression);
  return std::distance(std::sregex_iterator(text.begin(), text.end(), pattern), {});
}

}  // namespace

TEST_CASE("an op says which inputs do not fit, before it makes anything, in a rehearsal too") {
  for (const Case& c : cases()) {
    INFO(c.sentence);
    {
      Given given;
      CHECK_THROWS_WITH_AS(c.call(given), c.sentence.c_str(), ShapeError);
      CHECK(given.only_inputs());
    }
    const Rehearsal rehearsal(int64_t{1} << 30);
    Given given;
    CHECK_THROWS_WITH_AS(c.call(given), c.sentence.c_str(), ShapeError);
  }
}

TEST_CASE("every op, and every check of an op, has a sentence here") {
  std::map<std::string, int64_t> sentences;  // by file
  std::set<std::string> tested;
  for (const Case& c : cases()) {
    tested.insert(c.op());
    ++sentences[c.op() == "linear_transposed" ? "linear" : c.op()];
  }
  int64_t ops = 0;
  for (const char* header : {"ops.h", "attention/attention.h", "loss/output_loss.h"}) {
    const std::string text = text_of(ops_folder() / header);
    const std::regex declaration(R"((\w+)\(Tape& tape)");
    for (std::sregex_iterator it(text.begin(), text.end(), declaration), end; it != end; ++it) {
      const std::string op = (*it)[1];
      if (op == "for_logits") continue;  // not an op, but a loop
      CHECK_MESSAGE(tested.contains(op), fmt::format("{} has no sentence", op));
      ++ops;
    }
  }
  CHECK(ops == std::ssize(tested));
  for (const auto& entry : fs::recursive_directory_iterator(ops_folder())) {
    if (entry.path().extension() != ".cpp" || entry.path().stem() == "check") continue;
    const int64_t checks = matches(text_of(entry.path()), R"((\bcheck\.|\bCheck\("\w+"\)\.)\w+\()");
    const int64_t there = sentences[entry.path().stem()];
    CHECK_MESSAGE(there >= checks, fmt::format("{} has {} checks and {} sentences here",
                                               entry.path().filename().string(), checks, there));
  }
}

TEST_CASE("a shape has no sixth axis") {
  Shape shape = {1, 2, 3, 4};
  shape.append(5);
  CHECK(shape == Shape{1, 2, 3, 4, 5});
  const char* refusal =
      "[shape] [1, 2, 3, 4, 5] has no room for another axis, of 6: 5 are the most";
  CHECK_THROWS_WITH_AS(shape.append(6), refusal, ShapeError);
  CHECK_THROWS_WITH_AS((Shape{1, 2, 3, 4, 5, 6}), refusal, ShapeError);
  CHECK(shape.rank == 5);
}

}  // namespace waiver
