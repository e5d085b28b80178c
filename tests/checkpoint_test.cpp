#include "train/checkpoint.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/fields/set_fields.h"
#include "core/files/files.h"
#include "core/files/safetensors.h"
#include "model/transformer.h"
#include "temporary.h"
#include "train/optimizer.h"

using namespace waiver;
namespace fs = std::filesystem;

namespace {

/// A small model with an optimizer that has made two updates.
struct Training {
  ParameterSet parameters;
  std::unique_ptr<Optimizer> optimizer;

  explicit Training(uint64_t seed,
                    std::unique_ptr<Optimizer> rule = Kind<Optimizer>("adamw").make(),
                    std::string second = "block.bias", Shape shape = {5})
      : optimizer(std::move(rule)) {
    parameters.add("block.weight", {7, 9}, Init::normal(1));
    parameters.add(second, shape, Init::uniform(1));
    parameters.allocate(seed);
    optimizer->build(parameters, 0);
    for (const int64_t step : {0, 1}) {
      std::ranges::copy(parameters.values(), parameters.grads().begin());
      optimizer->update(parameters, {.step = step});
    }
  }

  /// All that a checkpoint restores.
  std::vector<float> numbers() const {
    std::vector<float> all(parameters.values().begin(), parameters.values().end());
    for (const auto& state : optimizer->state())
      all.insert(all.end(), state.values.begin(), state.values.end());
    return all;
  }
  CheckpointInfo load(const fs::path& path) {
    return load_checkpoint(path, parameters, optimizer.get());
  }
};

fs::path save(const TemporaryFolder& folder, int64_t step, uint64_t seed = 1) {
  Training t(seed);
  return save_checkpoint(folder.path(), {step, "seed: 1\n"}, t.parameters, t.optimizer.get());
}

/// Loads into `reader` and checks that a refusal leaves it untouched.
std::string load_error(Training& reader, const fs::path& path) {
  const auto before = reader.numbers();
  const std::string error = error_of([&] { reader.load(path); });
  if (!error.empty()) CHECK(reader.numbers() == before);
  return error;
}

std::vector<std::string> names(const std::vector<fs::path>& paths) {
  std::vector<std::string> out;
  for (const auto& path : paths) out.push_back(path.filename().string());
  return out;
}

}  // namespace

TEST_CASE("a checkpoint restores weights, optimizer state, step and config bit for bit") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 1000);
  CHECK(path.filename() == "step-00001000");
  Training reader(2);
  const CheckpointInfo info = reader.load(path);
  CHECK(reader.numbers() == Training(1).numbers());
  CHECK(info.step == 1000);
  CHECK(info.config == "seed: 1\n");
  CHECK(read_checkpoint_info(path).step == 1000);
  CHECK(folder.entries() == 1);
}

TEST_CASE("training continues from a checkpoint as if it had never stopped") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 2);
  Training straight(1), resumed(2);
  resumed.load(path);
  for (Training* t : {&straight, &resumed}) {
    std::ranges::copy(t->parameters.values(), t->parameters.grads().begin());
    t->optimizer->update(t->parameters, {.step = 2});
  }
  CHECK(straight.numbers() == resumed.numbers());
}

TEST_CASE("weights alone can be loaded") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 2);
  Training reader(2, Kind<Optimizer>("sgd").make());
  const auto state = reader.optimizer->state()[0].values;
  const std::vector<float> before(state.begin(), state.end());
  load_checkpoint(path, reader.parameters, nullptr);
  CHECK(std::ranges::equal(reader.parameters.values(), Training(1).parameters.values()));
  CHECK(std::ranges::equal(state, before));
}

TEST_CASE("equal training gives equal bytes") {
  const TemporaryFolder a, b;
  const fs::path first = save(a, 5);
  ::sleep(1);  // a time stamp would differ now
  const fs::path second = save(b, 5);
  for (const char* file : {"model.safetensors", "state.h5"})
    CHECK(read_file(first / file) == read_file(second / file));
}

TEST_CASE("a checkpoint of the same step is replaced") {
  const TemporaryFolder folder;
  save(folder, 5, 1);
  const fs::path path = save(folder, 5, 3);
  Training reader(2);
  reader.load(path);
  CHECK(reader.numbers() == Training(3).numbers());
  CHECK(folder.entries() == 1);
}

TEST_CASE("a checkpoint of another model or optimizer is refused, and nothing changes") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 5);
  Training other_name(2, Kind<Optimizer>("adamw").make(), "block.gain"),
      other_shape(2, Kind<Optimizer>("adamw").make(), "block.bias", {6});
  Training other_rule(2, Kind<Optimizer>("sgd").make());
  CHECK(contains(load_error(other_name, path), "lacks this model's parameter block.gain"));
  CHECK(contains(load_error(other_shape, path),
                 "block.bias has the shape [5], this model's has [6]"));
  CHECK(contains(load_error(other_rule, path),
                 "[moment1, moment2], but this run's optimizer keeps ["));
  ParameterSet fewer;
  fewer.add("block.weight", {7, 9}, Init::constant(0));
  fewer.allocate(0);
  CHECK(contains(error_of([&] { load_checkpoint(path, fewer, nullptr); }),
                 "it has block.bias, which this model lacks"));
}

TEST_CASE("files of two checkpoints do not mix") {
  const TemporaryFolder folder;
  const fs::path a = save(folder, 5, 1), b = save(folder, 6, 3);
  fs::copy_file(b / "state.h5", a / "state.h5", fs::copy_options::overwrite_existing);
  Training reader(2);
  CHECK(contains(load_error(reader, a), "checksum is not the one in state.h5"));
  CHECK(load_error(reader, b) == "");
}

TEST_CASE("missing, empty and foreign files are refused by name") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 5);
  Training reader(2);
  CHECK(contains(load_error(reader, folder / "step-9"), "step-9: there is no checkpoint here"));
  const std::string foreign[] = {"", "seed: 1\n", "\x89PNG\r\n\x1a\n" + std::string(400, 'x')};
  for (const std::string file : {"model.safetensors", "state.h5"}) {
    CAPTURE(file);
    const std::string good = read_file(path / file);
    fs::remove(path / file);
    CHECK(contains(load_error(reader, path), file + ": cannot be opened: No such file"));
    for (const std::string& bytes : foreign) {
      put_bytes(path / file, bytes);
      CHECK(contains(load_error(reader, path), (path / file).string() + ": "));
      CHECK(contains(error_of([&] { read_checkpoint_info(path); }), file));
    }
    put_bytes(path / file, good);
  }
  write_safetensors(path / "model.safetensors", {}, {});
  CHECK(contains(load_error(reader, path), "not a checkpoint in this program"));
}

TEST_CASE("files truncated at any length are refused by name") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 5);
  Training reader(2);
  for (const std::string file : {"model.safetensors", "state.h5"}) {
    const std::string good = read_file(path / file);
    for (size_t length = 0; length < good.size(); length += 1 + good.size() / 60) {
      CAPTURE(length);
      put_bytes(path / file, good.substr(0, length));
      CHECK(contains(load_error(reader, path), (path / file).string()));
    }
    put_bytes(path / file, good);
  }
  CHECK(load_error(reader, path) == "");
}

TEST_CASE("a damaged byte is refused or harmless, never other numbers") {
  const TemporaryFolder folder;
  const fs::path path = save(folder, 5);
  const auto expected = Training(1).numbers();
  int refused = 0;
  for (const std::string file : {"model.safetensors", "state.h5"}) {
    const std::string good = read_file(path / file);
    for (size_t at = 0; at < good.size(); at += 1 + good.size() / 60)
      for (const char flip : {'\x01', '\xff'}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ flip);
        put_bytes(path / file, bad);
        Training reader(2);
        CAPTURE(file);
        CAPTURE(at);
        if (const std::string error = load_error(reader, path); !error.empty())
          ++refused;
        else
          CHECK(reader.numbers() == expected);
      }
    put_bytes(path / file, good);
  }
  CHECK(refused > 100);
}

TEST_CASE("a full disk leaves the last good checkpoint and nothing half written") {
  const TemporaryFolder folder;
  const fs::path good = save(folder, 5, 1);
  const auto model_size = fs::file_size(good / "model.safetensors");
  const auto state_size = fs::file_size(good / "state.h5");
  REQUIRE(model_size < state_size);
  for (const auto limit : {model_size / 2, (model_size + state_size) / 2}) {
    CAPTURE(limit);
    std::string next, same;
    {
      const FullDisk full(limit);
      next = error_of([&] { save(folder, 6, 3); });
      same = error_of([&] { save(folder, 5, 3); });
    }
    CHECK(contains(next, "File too large"));
    CHECK(contains(same, "File too large"));
    CHECK(folder.entries() == 1);
    Training reader(2);
    reader.load(good);
    CHECK(reader.numbers() == Training(1).numbers());
  }
  save(folder, 6, 3);
  CHECK(names(list_checkpoints(folder.path())) ==
        std::vector<std::string>{"step-00000005", "step-00000006"});
}

TEST_CASE("checkpoints are listed by step, whatever else is beside them") {
  const TemporaryFolder folder;
  CHECK(list_checkpoints(folder / "none").empty());
  for (const char* name : {"step-100000000", "step-00000020", "step-00000003", "step-00000007.tmp",
                           "step-00000008.old", "step-", "step-4x", "best"}) {
    make_folder(folder / name);
    put_bytes(folder / name / "state.h5", "some");
  }
  make_folder(folder / "step-00000005");  // of somebody else
  put_bytes(folder / "step-00000005/notes.txt", "mine");
  put_bytes(folder / "step-00000009", "a file");
  CHECK(names(list_checkpoints(folder.path())) ==
        std::vector<std::string>{"step-00000003", "step-00000020", "step-100000000"});
}

TEST_CASE("pruning keeps the newest") {
  const TemporaryFolder folder;
  for (const int64_t step : {1, 2, 10}) save(folder, step);
  prune_checkpoints(folder.path(), 10, 0);
  CHECK(folder.entries() == 3);
  prune_checkpoints(folder.path(), 10, 2);
  CHECK(names(list_checkpoints(folder.path())) ==
        std::vector<std::string>{"step-00000002", "step-00000010"});
  CHECK(folder.entries() == 2);
  prune_checkpoints(folder.path(), 10, 5);
  CHECK(folder.entries() == 2);
}

TEST_CASE("what a killed run left is cleared away, and a checkpoint in replacement is put back") {
  const TemporaryFolder folder;
  const fs::path five = save(folder, 5), six = save(folder, 6);
  fs::rename(five, folder / "step-00000005.old");  // killed between the two renames
  fs::copy(six, folder / "step-00000006.old");     // killed after both
  make_folder(folder / "step-00000007.tmp");
  put_bytes(folder / "step-00000007.tmp/model.safetensors", "half");
  make_folder(folder / "notes.tmp");
  clean_checkpoints(folder.path());
  CHECK(names(list_checkpoints(folder.path())) ==
        std::vector<std::string>{"step-00000005", "step-00000006"});
  CHECK(folder.entries() == 3);
  Training reader(2);
  CHECK(reader.load(five).step == 5);
}

TEST_CASE("weights or states that are no numbers are not loaded") {
  const TemporaryFolder folder;
  for (const bool weight : {true, false}) {
    Training t(1);
    (weight ? t.parameters.values()[3] : t.optimizer->state()[1].values[3]) = std::nanf("");
    const fs::path path = save_checkpoint(folder.path(), {weight ? 1 : 2, "seed: 1\n"},
                                          t.parameters, t.optimizer.get());
    Training reader(2);
    CHECK(contains(load_error(reader, path), "block.weight holds NaN or infinity"));
  }
}

TEST_CASE("pruning keeps the steps that are to stay, and what is not of this program") {
  const TemporaryFolder folder;
  for (const int64_t step : {0, 1, 2, 10}) save(folder, step);
  put_bytes(folder / "step-00000002/readme", "mine");
  prune_checkpoints(folder.path(), 10, 1, {0});
  CHECK(names(list_checkpoints(folder.path())) ==
        std::vector<std::string>{"step-00000000", "step-00000010"});
  CHECK(read_file(folder / "step-00000002.tmp/readme") == "mine");
  remove_checkpoints(folder.path());
  CHECK(folder.entries() == 1);
}

TEST_CASE("a folder that cannot be read does not count as one without checkpoints") {
  const TemporaryFolder folder;
  put_bytes(folder / "file", "x");
  CHECK(contains(error_of([&] { list_checkpoints(folder / "file"); }), "file: this folder cannot"));
}

TEST_CASE("a checkpoint holds the constants of a model, and one without them still loads") {
  const TemporaryFolder folder;
  const auto make = [](double value_norm) {
    ModelConfig config;
    config.layers = 1;
    config.heads = 2;
    config.width = 8;
    config.context = 4;
    config.mlp.width = 8;
    config.attention.slot.set("key_value");
    SetFields fields({{"value_norm", value_norm}});
    config.attention.slot->options(fields);
    return Transformer(config, 5, 1);
  };
  Transformer model = make(3), other = make(2), learned = make(0);
  const auto optimizer = Kind<Optimizer>("adamw").make();
  optimizer->build(model.parameters(), 0);
  const fs::path saved =
      save_checkpoint(folder.path(), {1, "seed: 1\n"}, model.parameters(), optimizer.get());
  const Safetensors file = Safetensors::open(saved / "model.safetensors");
  const auto* entry = file.find("blocks.0.attn.slot.value");
  REQUIRE(entry);
  CHECK(entry->shape == Shape{2, 4});
  CHECK(file.read(*entry) == std::vector<float>(8, 1.5f));           // 3 ÷ √4
  CHECK(model.parameters().count() < learned.parameters().count());  // it is no weight
  CHECK(load_checkpoint(saved, model.parameters(), optimizer.get()).step == 1);
  CHECK(contains(error_of([&] { load_checkpoint(saved, other.parameters(), nullptr); }),
                 "its blocks.0.attn.slot.value is not the one that this model's config fixes"));

  Training before(1), after(2);
  const fs::path old =
      save_checkpoint(folder.path(), {2, "seed: 1\n"}, before.parameters, before.optimizer.get());
  after.parameters.add_constant("block.constant", {2, 2}, 0.5f);
  CHECK(load_error(after, old).empty());
  CHECK(after.numbers() == before.numbers());
}

TEST_CASE("pruning leaves later checkpoints, which are not of the run's past, out of its count") {
  const TemporaryFolder folder;
  for (const int64_t step : {1, 2, 10}) save(folder, step);
  prune_checkpoints(folder.path(), 2, 1);
  CHECK(names(list_checkpoints(folder.path())) ==
        std::vector<std::string>{"step-00000002", "step-00000010"});
}

TEST_CASE("a checkpoint whose folder says another step is refused") {
  const TemporaryFolder folder;
  fs::rename(save(folder, 5), folder / "step-00000009");
  CHECK(contains(error_of([&] { read_checkpoint_info(folder / "step-00000009"); }),
                 "it holds the state of step 5"));
  fs::rename(folder / "step-00000009", folder / "best");
  CHECK(read_checkpoint_info(folder / "best").step == 5);
}
