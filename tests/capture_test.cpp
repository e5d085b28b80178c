// `waiver probe --capture` and `--maps`: a file of every point of a pass, and attention as text.
#include <set>

#include "config/config.h"
#include "core/text/printable.h"
#include "core/text/table.h"
#include "given_probe.h"
#include "inspect/probe_report.h"
#include "run/memory.h"

namespace waiver {
namespace {

/// The file of a capture, with what it must agree with.
struct Captured {
  Log log;
  std::string run;
  ModelConfig model;
  int64_t B, T, S, H, D, C;

  Captured(const Probed& probed, const std::string& file)
      : log(Log::open(probed.path(file))),
        run(probed.path("run")),
        model(parse_config(log.config(), "config").model),
        B(log.axes().at("sequence")),
        T(log.axes().at("position")),
        S(log.axes().at("key")),
        H(log.axes().at("head")),
        D(log.axes().at("channel")),
        C(log.axes().at("width")) {}
  std::vector<double> at(int64_t layer, Point point) const {
    return log.read("points", point_name(layer, point)).values;
  }
  std::vector<double> of_sequences(const std::string& name) const {
    return log.read("sequences", name).values;
  }
};

Captured capture(Probed& run, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--capture", run.path("pass.h5")});
  std::filesystem::remove(run.path("pass.h5"));
  run.log(more);
  return {run, "pass.h5"};
}

// A float32 sum of up to 32 products, each rounded: a few units in the last place of the largest.
constexpr double kRounding = 2e-6;

// Rows of weights, what they make of the values, and the scores that they come from.
void check_attention(const Captured& pass, int64_t l) {
  const auto q = pass.at(l, Point::attn_q), k = pass.at(l, Point::attn_k),
             v = pass.at(l, Point::attn_v), scores = pass.at(l, Point::attn_scores),
             pattern = pass.at(l, Point::attn_pattern), mix = pass.at(l, Point::attn_mix),
             out = pass.at(l, Point::attn_out);
  const int64_t S = pass.S, H = pass.H, D = pass.D, C = pass.C;
  const SavedWeights weights = load_weights(pass.run);
  const Tensor& projection = weights.model->output_projection(l);
  double worst_score = 0, worst_mix = 0, worst_out = 0;
  const auto vector = [&](const std::vector<double>& all, int64_t b, int64_t s, int64_t h) {
    return &all[((b * S + s) * H + h) * D];
  };
  for (int64_t b = 0; b < pass.B; ++b)
    for (int64_t i = 0; i < S; ++i) {
      std::vector<double> projected(C, 0.0);
      for (int64_t h = 0; h < H; ++h) {
        const int64_t row = ((b * H + h) * S + i) * S;
        double sum = 0;
        std::vector<double> mixed(D, 0.0);
        for (int64_t j = 0; j < S; ++j) {
          sum += pattern[row + j];
          double product = 0;
          for (int64_t d = 0; d < D; ++d) {
            product += vector(q, b, i, h)[d] * vector(k, b, j, h)[d];
            mixed[d] += pattern[row + j] * vector(v, b, j, h)[d];
          }
          if (std::isinf(scores[row + j]))
            CHECK(pattern[row + j] == 0);
          else
            worst_score =
                std::max(worst_score, std::abs(scores[row + j] - product / std::sqrt(double(D))));
        }
        CHECK(sum == doctest::Approx(1).epsilon(kRounding));
        for (int64_t d = 0; d < D; ++d) {
          worst_mix = std::max(worst_mix, std::abs(mixed[d] - vector(mix, b, i, h)[d]));
          for (int64_t c = 0; c < C; ++c) projected[c] += mixed[d] * projection.row(h * D + d)[c];
        }
      }
      for (int64_t c = 0; c < C; ++c)
        worst_out = std::max(worst_out, std::abs(projected[c] - out[(b * S + i) * C + c]));
    }
  CHECK(worst_score < kRounding);
  CHECK(worst_mix < kRounding);
  CHECK(worst_out < kRounding);
}

// −log softmax of the targets, mean over those there are.
double loss_of(const Captured& pass) {
  const auto logits = pass.at(-1, Point::logits), targets = pass.of_sequences("targets");
  const int64_t V = pass.log.axes().at("vocabulary");
  double sum = 0, count = 0;
  for (size_t n = 0; n < targets.size(); ++n) {
    if (targets[n] < 0) continue;
    double total = 0;
    for (int64_t v = 0; v < V; ++v) total += std::exp(logits[n * V + v]);
    sum += std::log(total) - logits[n * V + static_cast<int64_t>(targets[n])];
    ++count;
  }
  return sum / count;
}

std::set<std::string> expected_names(const ModelConfig& model) {
  std::set<std::string> names;
  for (const PlacedPoint& at : points_of(model, &PointInfo::shown))
    if (at.point == Point::attn_qkv)
      for (const Point point : {Point::attn_q, Point::attn_k, Point::attn_v})
        names.insert(point_name(at.layer, point));
    else
      names.insert(at.name());
  return names;
}

void check_capture(Probed& run, const std::vector<std::string>& more = {}) {
  const Captured pass = capture(run, more);
  const Log probe = Log::open(run.path("probe.h5"));
  const Names names = pass.log.names("points");
  CHECK(std::set(names.begin(), names.end()) == expected_names(pass.model));
  for (int64_t l = 0; l < pass.model.layers; ++l)
    if (pass.model.has_attention(l)) check_attention(pass, l);
  CHECK(loss_of(pass) == doctest::Approx(probe.read("probe", "loss").values[0]).epsilon(1e-6));
  CHECK(pass.log.strings("sequences", "tokens") == probe.strings("sequences", "tokens"));
  CHECK(pass.log.spec("points", "blocks.0.attn.pattern").axes ==
        Names{"sequence", "head", "query", "key"});
  CHECK(pass.log.attribute("step") == "20");
}

// The numbers of the first map that was printed, as heights of blocks; −1: hidden.
std::vector<std::vector<int>> printed_map(const std::string& printed, size_t column) {
  std::istringstream lines(printed.substr(printed.find("Attention of layer")));
  std::string line;
  std::vector<std::vector<int>> rows;
  for (int skipped = 0; skipped < 3; ++skipped) std::getline(lines, line);
  while (std::getline(lines, line) && !line.starts_with("Rows:")) {
    std::vector<int> row;
    const std::string blocks = "·▁▂▃▄▅▆▇█";
    size_t place = 0;
    for (size_t at = 0; at < line.size(); ++place) {
      const size_t bytes = character_length(line.substr(at));
      if (place >= column) {
        int height = -1;
        for (size_t from = 0, level = 0; from < blocks.size(); ++level) {
          const size_t length = character_length(blocks.substr(from));
          if (blocks.substr(from, length) == line.substr(at, bytes)) height = int(level);
          from += length;
        }
        row.push_back(height);
      }
      at += bytes;
    }
    rows.push_back(row);
  }
  return rows;
}

const std::string kMlp = "mlp: {width: 24}";

}  // namespace

TEST_CASE("what is captured is what the model computes, of a text and of the probe batch") {
  for (const char* model : {"position: rope", "position: learned, block: parallel",
                            "position: rope, sink_tokens: 2, kv_heads: 1",
                            "position: none, norm: {kind: rms, place: sandwich}"}) {
    CAPTURE(model);
    Probed run;
    run.train("{kind: bigram_backcopy, last: 1}", "",
              fmt::format("model: {{layers: 2, heads: 2, width: 16, context: 16, {}, {}}}\n", kMlp,
                          model));
    check_capture(run);
    check_capture(run, {"--text", "the cat"});
  }
}

TEST_CASE("a block without attention has no such points, and the rest is there") {
  Probed run;
  run.train("{kind: bigram_backcopy}", "",
            "model: {layers: 2, heads: 2, width: 16, context: 16, attention: {absent: [0]}, " +
                kMlp + "}\n");
  const Captured pass = capture(run);
  const Names names = pass.log.names("points");
  CHECK(std::set(names.begin(), names.end()) == expected_names(pass.model));
  CHECK(!pass.log.has("points", "blocks.0.attn.pattern"));
  check_attention(pass, 1);
}

TEST_CASE("masked models: blocks of whole sequences, logits of masked ones, as they are measured") {
  Probed run;
  run.train("{kind: bigram_backcopy, last: 1}", ", objective: {kind: masked_token, rate: 0.3}",
            "model: {layers: 1, heads: 2, width: 16, context: 16, attention: {mask: "
            "bidirectional}, " +
                kMlp + "}\n");
  check_capture(run, {"probe.batch=5"});
  const Captured pass = capture(run);
  CHECK(pass.of_sequences("inputs") != pass.of_sequences("ids"));
}

TEST_CASE("features and answers are there, and a slot") {
  Probed run;
  run.train("{kind: nop, dedicated: {kind: fixed, at: [0]}}", ", objective: regression",
            "model: {layers: 1, heads: 1, width: 64, context: 8, input: features, dedicated: "
            "{count: 1}, position: {kind: learned, into: attention}, attention: {slot: key_value}, "
            "mlp: {kind: none}}\n");
  const Captured pass = capture(run);
  CHECK(pass.of_sequences("features").size() == static_cast<size_t>(3 * 8 * 64));
  CHECK(pass.of_sequences("answers").size() == static_cast<size_t>(3 * 8 * 64));
  CHECK(pass.at(-1, Point::logits).size() == static_cast<size_t>(3 * 8 * 64));
  const auto pattern = pass.at(0, Point::attn_pattern), slot = pass.at(0, Point::attn_slot);
  for (size_t row = 0; row < slot.size(); ++row) {
    double sum = slot[row];
    for (int64_t k = 0; k < pass.S; ++k) sum += pattern[row * pass.S + k];
    CHECK(sum == doctest::Approx(1).epsilon(kRounding));
  }
}

TEST_CASE("maps show the weights of a head, and both triangles where both are seen") {
  for (const bool causal : {true, false}) {
    CAPTURE(causal);
    Probed run;
    run.train(
        "{kind: bigram_backcopy}", causal ? "" : ", objective: masked_token",
        std::string("model: {layers: 2, heads: 2, width: 16, context: 16, attention: {mask: ") +
            (causal ? "causal" : "bidirectional") + "}, " + kMlp + "}\n");
    const Captured pass = capture(run, {"--text", "the cat", "--maps", "--head", "1.1"});
    REQUIRE(contains(run.printed, "Attention of layer 1, head 1, on the first sequence\n"));
    const auto pattern = pass.at(1, Point::attn_pattern), v = pass.at(1, Point::attn_v);
    const int64_t T = pass.T;
    // Behind the position, the token and the gaps.
    const auto rows = printed_map(run.printed, 2 + 1 + 8 - 1);
    REQUIRE(std::ssize(rows) == T);
    for (int64_t i = 0; i < T; ++i) {
      std::vector<double> weighted(T);
      double sum = 0;
      for (int64_t j = 0; j < T; ++j) {
        double norm = 0;
        for (int64_t d = 0; d < pass.D; ++d) {
          const double x = v[(j * 2 + 1) * pass.D + d];
          norm += x * x;
        }
        sum += weighted[j] = pattern[((2 - 1) * T + i) * T + j] * std::sqrt(norm);
      }
      const auto height = [&](double share, int64_t j) {
        if (causal && j > i) return -1;
        return share < 1.0 / 16 ? 0 : std::min(7, static_cast<int>(share * 8)) + 1;
      };
      for (int64_t j = 0; j < T; ++j) {
        const auto shown = [&](int64_t place) {
          return place < std::ssize(rows[i]) ? rows[i][place] : -1;
        };
        CHECK(shown(j) == height(pattern[(T + i) * T + j], j));
        CHECK(shown(T + 2 + j) == height(weighted[j] / sum, j));
      }
    }
  }
}

TEST_CASE("a long sequence's map keeps within 80 columns, and says what it leaves out") {
  Probed run;
  run.train("{kind: bigram_backcopy}", "",
            "model: {layers: 1, heads: 1, width: 16, context: 100, " + kMlp + "}\n");
  run.log({"--maps"});
  const size_t begin = run.printed.find("Attention of layer");
  std::istringstream lines(run.printed.substr(begin, run.printed.find("\n\nhead ") - begin));
  for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(display_width(line) <= 80, line);
  CHECK(contains(run.printed, "tokens that receive less."));
}

TEST_CASE("what cannot be captured is refused before anything is written") {
  Probed run;
  run.train("{kind: bigram_backcopy}");
  run.put("mine.txt", "mine");
  run.refuses({"--capture", run.path("mine.txt"), "--overwrite"},
              "this file was not written by this program, so it is not replaced. Choose another "
              "place with --capture");
  CHECK(file_text(run.path("mine.txt")) == "mine");
  run.refuses({"--capture", run.path("run/log.h5"), "--overwrite"}, "this is the log of a run");
  run.refuses({"--capture", run.path("nowhere/x.h5")}, "there is no such folder");
  run.refuses({"--capture", run.path("none.h5")}, "--out names the same file");
  run.refuses({"--maps", "--head", "2.0"}, "--head: there is no layer 2: this model has 2");
  run.refuses({"--maps", "--head", "0.2"}, "--head: there is no head 2");
  for (const char* text : {"1", "1.", ".1", "1.0x", "-1.0", "a.b"})
    run.refuses({"--maps", "--head", text}, "--head");
  run.refuses({"--head", "0.0"}, "--head requires --maps");
  run.refuses({"--mechanism", "--all-checkpoints", "--maps"},
              "--maps: this is about one checkpoint");
  run.put("pass.h5", "");
  std::filesystem::remove(run.path("pass.h5"));
  const Captured first = capture(run);
  run.refuses({"--capture", run.path("pass.h5")}, "the file is there already");
  const std::string bytes = file_text(run.path("pass.h5"));
  run.log({"--capture", run.path("pass.h5")});  // with --overwrite
  CHECK(file_text(run.path("pass.h5")) == bytes);
}

TEST_CASE("the memory of a capture is estimated from its file") {
  Probed run;
  run.train("{kind: bigram_backcopy}");
  capture(run, {"probe.batch=64"});
  Config config = parse_config(Log::open(run.path("pass.h5")).config(), "config");
  const auto data = open_data(config);
  const int64_t probes =
      estimate_memory(config, *data, {.captures = true}, int64_t{1} << 40).probes;
  const auto file = static_cast<int64_t>(std::filesystem::file_size(run.path("pass.h5")));
  CHECK(probes > 2.5 * file);
  CHECK(probes < 5 * file);
}

}  // namespace waiver
