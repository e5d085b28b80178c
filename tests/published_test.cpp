#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"
#include "core/files/safetensors.h"
#include "inspect/published/export.h"
#include "inspect/published/import.h"
#include "npy.h"
#include "program.h"
#include "temporary.h"

// Published models against what transformers computes from them: tests/published/fixtures, and any
// folders of that form that WAIVER_PUBLISHED names, separated by colons.

namespace fs = std::filesystem;

namespace waiver {
namespace {

// Largest difference ÷ largest number. Both sides work in float32, in other orders (worst found:
// 2.3e-6, of 30 layers).
constexpr double kTolerance = 1e-5;

const fs::path kFixtures = fs::path(WAIVER_SOURCE_DIR) / "tests/published/fixtures";

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "expected.safetensors")) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::vector<fs::path> all_folders() {
  std::vector<fs::path> out = folders_in(kFixtures);
  const char* more = std::getenv("WAIVER_PUBLISHED");
  for (std::string rest = more ? more : ""; !rest.empty();) {
    const size_t end = std::min(rest.find(':'), rest.size());
    for (const fs::path& folder : folders_in(rest.substr(0, end))) out.push_back(folder);
    rest.erase(0, end + 1);
  }
  return out;
}

ImportedModel import_folder(const fs::path& folder) {
  const HubFolder hub = HubFolder::open(folder);
  try {
    return import_published(hub, {.mask_token = 4});
  } catch (const UsageError& error) {
    if (error.where() != "--mask-token") throw;
    return import_published(hub, {});  // it predicts no masked tokens
  }
}

/// What transformers computed.
struct Expected {
  explicit Expected(const fs::path& folder)
      : file(Safetensors::open(folder / "expected.safetensors")) {}

  bool has(const char* name) const { return file.find(name); }
  std::vector<float> numbers(const char* name) const { return file.read(*file.find(name)); }
  std::vector<int32_t> ids(const char* name) const {
    std::vector<int32_t> out;
    if (has(name))
      for (const float x : numbers(name)) out.push_back(static_cast<int32_t>(x));
    return out;
  }
  const Shape& shape() const { return file.find("tokens")->shape; }

  Safetensors file;
};

double worst_difference(const ImportedModel& imported, const Expected& expected) {
  const std::vector<int32_t> tokens = expected.ids("tokens"), types = expected.ids("token_types");
  Arena arena;
  Tape tape(arena, false);
  Input input{tokens, expected.shape()[0], expected.shape()[1]};
  input.types = types;
  const Tensor found = imported.model->forward(tape, input).value;
  const std::vector<float> truth = expected.numbers(expected.has("logits") ? "logits" : "hidden"),
                           seen = expected.has("attention_mask")
                                      ? expected.numbers("attention_mask")
                                      : std::vector<float>(tokens.size(), 1.0f);
  REQUIRE(found.size() == std::ssize(truth));
  double worst = 0, largest = 0;
  const int64_t V = found.dim(1);
  for (int64_t i = 0; i < found.size(); ++i) {
    if (seen[i / V] == 0) continue;
    worst = std::max(worst, std::abs(double{found.data[i]} - truth[i]));
    largest = std::max(largest, std::abs(double{truth[i]}));
  }
  return worst / largest;
}

TEST_CASE("published models compute what transformers computes") {
  for (const fs::path& folder : all_folders()) {
    INFO(folder);
    const double off = worst_difference(import_folder(folder), Expected(folder));
    MESSAGE(folder.filename().string(), ": ", off);
    CHECK(off < kTolerance);
  }
}

TEST_CASE("a published model, exported and read again, is the same to the bit") {
  for (const fs::path& folder : folders_in(kFixtures)) {
    INFO(folder);
    const TemporaryFolder place;
    const ImportedModel imported = import_folder(folder);
    save_imported(imported, (place / "run").string(), 7);
    const SavedWeights saved = load_weights((place / "run").string());
    CHECK(saved.step == 7);
    CHECK(export_published(saved, (place / "out").string(), imported.family) == imported.family);
    const ImportedModel again = import_folder(place / "out");
    CHECK(to_yaml(again.config) == to_yaml(imported.config));
    const auto before = imported.model->parameters().values(),
               after = again.model->parameters().values();
    CHECK(std::equal(before.begin(), before.end(), after.begin(), after.end()));
  }
}

// A fixture with another config.json or without some files.
struct Changed {
  explicit Changed(const std::string& fixture) : path(folder / "model") {
    fs::copy(kFixtures / fixture, path);
  }
  void config(const std::string& key, const Json& value) const {
    Json json = parse_json(read_file(path / "config.json"));
    json[key] = value;
    write_json(path / "config.json", json);
  }
  void without(const std::string& key) const {
    Json json = parse_json(read_file(path / "config.json"));
    json.erase(key);
    write_json(path / "config.json", json);
  }
  std::string refusal() const {
    try {
      import_folder(path);
    } catch (const UsageError& error) {
      std::string text = error.what();
      for (size_t at = 0; (at = text.find(path.string())) != text.npos;)
        text.replace(at, path.string().size(), "M");
      return text;
    }
    return "";
  }

  TemporaryFolder folder;
  fs::path path;
};

struct Refused {
  const char *fixture, *key;
  Json value;
  std::string sentence;
};

TEST_CASE("what a published config asks for and Waiver lacks is refused by name") {
  const Refused all[] = {
      {"qwen2", "model_type", "gemma3",
       "M/config.json: model_type: 'gemma3' is not a family that Waiver reads. It reads gpt2, "
       "gpt_neox, llama, qwen2, mistral, bert, roberta."},
      {"qwen2", "model_type", nullptr,
       "M/config.json: model_type: the key is missing; a word is needed."},
      {"qwen2", "quantization_config", Json{{"bits", 4}},
       "M/config.json: quantization_config: the weights are quantized. Waiver reads float32, "
       "float16 and bfloat16."},
      {"qwen2", "hidden_size", "16",
       "M/config.json: hidden_size: expected a whole number ≥ 0, found \"16\"."},
      {"qwen2", "num_attention_heads", 0,
       "M/config.json: num_attention_heads: a model without heads has no attention."},
      {"qwen2", "hidden_act", "gelu",
       "M/config.json: hidden_act: 'gelu' is not offered for gated MLPs; silu is."},
      {"qwen2", "rope_scaling", Json{{"rope_type", "dynamic"}, {"factor", 2.0}},
       "M/config.json: rope_scaling.rope_type: 'dynamic' is not a rule of scaling that Waiver has. "
       "It has default, linear, llama3 and yarn."},
      {"qwen2", "rope_scaling", Json{{"type", "longrope"}},
       "M/config.json: rope_scaling.type: 'longrope' is not a rule of scaling that Waiver has. It "
       "has default, linear, llama3 and yarn."},
      {"qwen2", "rope_scaling", Json{{"rope_type", "linear"}, {"factor", "2"}},
       "M/config.json: rope_scaling.factor: expected a number, found \"2\"."},
      {"qwen2", "partial_rotary_factor", 0.5,
       "M/config.json: partial_rotary_factor: this family rotates whole heads. Write 1, or leave "
       "it "
       "out."},
      {"qwen2", "rope_scaling",
       Json{{"rope_type", "yarn"}, {"factor", 2.0}, {"attention_factor", 0}},
       "M/config.json: rope_scaling.attention_factor: it must be above 0."},
      {"qwen2", "is_causal", false,
       "M/config.json: is_causal: decoders are read as causal models only."},
      {"gpt2-hub", "activation_function", "quick_gelu",
       "M/config.json: activation_function: 'quick_gelu' is not an activation that Waiver has. It "
       "has gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast, gelu_python_tanh, "
       "gelu_accurate, relu."},
      {"gpt2-hub", "scale_attn_by_inverse_layer_idx", true,
       "M/config.json: scale_attn_by_inverse_layer_idx: scores are scaled alike in all layers "
       "here."},
      {"gpt2-hub", "scale_attn_weights", false,
       "M/config.json: scale_attn_weights: scores are divided by √D here."},
      {"gpt2-hub", "n_layer", 3,
       "M: the tensor transformer.h.2.ln_1.weight is missing. A model of the family gpt2 with this "
       "config.json has it."},
      {"gpt2-hub", "n_inner", 30,
       "M/model.safetensors, tensor h.0.mlp.c_fc.weight: its shape is [16, 28], but with this "
       "config.json it is [16, 30]."},
      {"gpt2-hub", "n_layer", 1,
       "M/model.safetensors, tensor h.1.attn.c_attn.bias: nothing in the model belongs to it. A "
       "model of the family gpt2 with this config.json has no such tensor."},
      {"bert-hub", "position_embedding_type", "relative_key",
       "M/config.json: position_embedding_type: 'relative_key' is not offered; absolute is."},
      {"bert-hub", "is_decoder", true,
       "M/config.json: is_decoder: encoders only are read of this family."},
      {"bert-hub", "vocab_size", 2.5,
       "M/config.json: vocab_size: expected a whole number ≥ 0, found 2.5."},
      {"mistral", "num_attention_heads", 5,
       "M/config.json: hidden_size: 16 is not a multiple of the 5 heads."}};
  for (const Refused& refused : all) {
    const Changed changed(refused.fixture);
    changed.config(refused.key, refused.value);
    CHECK(changed.refusal() == refused.sentence);
  }
}

// Whether it is one clean sentence, or several.
bool is_sentence(const std::string& text) {
  return text.size() > 10 && text.size() < 2000 && text.back() == '.' &&
         std::ranges::none_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\n') || byte == 0x7f;
         });
}

TEST_CASE("any other value in a published config gives a model or a sentence") {
  const Json values[] = {nullptr,
                         "",
                         "\x1b[31m\n",
                         "absolute",
                         -1,
                         0,
                         1,
                         3,
                         2.5,
                         1e300,
                         true,
                         false,
                         4294967296,
                         1e18,
                         9223372036854775807,
                         Json::array(),
                         Json::object(),
                         Json{{"rope_type", "yarn"}},
                         Json{{"factor", -1}, {"type", "linear"}}};
  int64_t refused = 0, read = 0;
  for (const fs::path& fixture : folders_in(kFixtures)) {
    const Changed changed(fixture.filename().string());
    const std::string before = read_file(changed.path / "config.json");
    Json known = parse_json(before);
    for (const char* more : {"rope_scaling", "rope_parameters", "sliding_window", "layer_types",
                             "head_dim", "quantization_config", "partial_rotary_factor"})
      known[more] = nullptr;
    for (const auto& [key, value] : known.items())
      for (const Json& other : values) {
        INFO(fixture.filename(), ": ", key, " = ", json_text(other));
        write_atomically(changed.path / "config.json", before);
        changed.config(key, other);
        try {
          import_folder(changed.path);
          ++read;
        } catch (const UsageError& error) {
          CHECK(is_sentence(error.what()));
          ++refused;
        }
      }
  }
  MESSAGE(refused, " refused, ", read, " read");
  CHECK(refused > 1000);
  CHECK(read > 1000);
}

std::string config_with(const std::string& fixture, const std::string& key, const Json& value) {
  const Changed changed(fixture);
  changed.config(key, value);
  return to_yaml(import_folder(changed.path).config);
}

TEST_CASE("keys that outweigh others do so here as well") {
  CHECK(contains(config_with("llama-llama3-old", "original_max_position_embeddings", 128),
                 "original_context: 128"));
  CHECK(config_with("qwen2", "rope_scaling", Json::object()) == config_with("qwen2", "x", 1));
  CHECK(contains(config_with("bert-padded", "pad_token_id", nullptr), "padding: -1"));
}

TEST_CASE("a masked-token model needs the id of its mask token") {
  const HubFolder folder = HubFolder::open(kFixtures / "bert-hub");
  CHECK_THROWS_WITH_AS(
      import_published(folder, {}),
      ((kFixtures / "bert-hub").string() +
       ": this model predicts masked tokens, but nothing names its mask token. Give --mask-token "
       "ID: 103 in BERT's own vocabularies, 50264 in RoBERTa's.")
          .c_str(),
      UsageError);
  CHECK_THROWS_WITH_AS(import_published(folder, {.mask_token = 40}),
                       "--mask-token: 40 is not one of the model's 40 token ids.", UsageError);
  CHECK_THROWS_WITH_AS(import_published(HubFolder::open(kFixtures / "mistral"), {.mask_token = 4}),
                       "--mask-token: this model predicts no masked tokens. Leave it out.",
                       UsageError);
  const Changed named("bert-hub");
  write_atomically(named.path / "tokenizer.json",
                   R"({"added_tokens": [{"id": 3, "content": "[MASK]"}]})");
  const ImportedModel imported = import_published(HubFolder::open(named.path), {});
  CHECK(to_yaml(imported.config).find("token: 3") != std::string::npos);
}

TEST_CASE("several revisions of a published model make one run") {
  const TemporaryFolder place;
  const std::string run = (place / "run").string(), model = (kFixtures / "gpt_neox-hub").string();
  const auto import = [&](const std::string& folder, const std::string& step) {
    return run_program({"import", folder, "--out", run, "--step", step});
  };
  CHECK(import(model, "1000").status == 0);
  CHECK(import(model, "128").status == 0);
  CHECK(import(model, "128").output ==
        run +
            "/checkpoints/step-00000128: this step is already there. Give another --step, or "
            "another place with --out.\n");
  const Ended other = import((kFixtures / "qwen2").string(), "3");
  CHECK(other.status == 2);
  CHECK(other.output.find("was started with another config") != std::string::npos);
  CHECK(fs::exists(run + "/checkpoints/step-00001000"));
  CHECK(!fs::exists(run + "/checkpoints/step-00000003"));
}

TEST_CASE("an imported run takes its data where it is used") {
  const TemporaryFolder place;
  const std::string run = (place / "run").string(), file = (place / "tokens.npy").string();
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < 200; ++i) tokens.push_back(2 + i * 7 % 38);
  write_atomically(file, npy_of(tokens));
  CHECK(run_program({"import", (kFixtures / "llama-sharded").string(), "--out", run}).status == 0);
  const Ended without = run_program({"eval", run, "--context", "12"});
  CHECK(without.status == 2);
  CHECK(without.output.find("this run has no data of its own") != std::string::npos);
  const Ended with =
      run_program({"eval", run, "--context", "12", "data.kind=tokens", "data.validation=" + file});
  CHECK(with.status == 0);
  CHECK(with.output.find("validation loss") != std::string::npos);
  const std::vector<std::string> data = {"model.context=12", "probe.batch=8",
                                         "data.validation=" + file};
  for (std::vector<std::string> verb :
       {std::vector<std::string>{"probe", run}, {"probe", run, "--mechanism"}}) {
    verb.insert(verb.end(), data.begin(), data.end());
    CHECK(run_program(verb).status == 0);
  }
  const Ended trained = run_program({"train", run + "/config.yaml", "--out", run + "-more"});
  CHECK(trained.status == 2);
  CHECK(trained.output.find("data.train: it must be given for training") != std::string::npos);
}

TEST_CASE("an encoder without a head is probed by the distance of its output") {
  const TemporaryFolder place;
  const std::string run = (place / "run").string(), file = (place / "tokens.npy").string();
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < 96; ++i) tokens.push_back(i % 12 > 9 && i / 12 % 2 ? 0 : 2 + i * 5 % 38);
  write_atomically(file, npy_of(tokens, 12));
  CHECK(run_program({"import", (kFixtures / "bert-padded").string(), "--out", run}).status == 0);
  const std::vector<std::string> data = {"model.context=12", "probe.batch=8",
                                         "data.validation=" + file};
  const auto ran = [&](std::vector<std::string> verb) {
    verb.insert(verb.end(), data.begin(), data.end());
    return run_program(verb);
  };
  CHECK(
      ran({"eval", run}).output.find("so it has no loss. waiver probe measures everything else") !=
      std::string::npos);
  const Ended probed = ran({"probe", run});
  CHECK(probed.status == 0);
  CHECK(probed.output.find("output_distance") != std::string::npos);
  const fs::path spec = place / "swap.yaml";
  write_atomically(
      spec, "arms: [{name: zero, edits: [{at: blocks.0.attn.v, edit: zero, positions: [0]}]}]\n");
  const Ended changed = ran({"intervene", run, spec.string()});
  INFO(changed.output);
  CHECK(changed.status == 0);
  CHECK(changed.output.find("Δoutput_distance") != std::string::npos);
  const Ended trained = run_program({"train", run + "/config.yaml", "--out", run + "-more"});
  CHECK(trained.output.find("without an output layer there is no loss") != std::string::npos);
}

}  // namespace
}  // namespace waiver
