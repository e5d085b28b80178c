// Folders of published models: what is read from them, and what is refused.
#include "inspect/published/hub_folder.h"

#include <doctest/doctest.h>

#include <cmath>

#include "hub_files.h"
#include "temporary.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

// The sentence with which opening it fails, which must be about what the user gave; else "".
std::string refusal(const fs::path& folder) {
  try {
    HubFolder::open(folder);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

std::vector<float> numbers(const HubFolder& hub, const std::string& name) {
  std::vector<float> out(static_cast<size_t>(hub.find(name)->shape.size()));
  hub.read(name, out.data());
  return out;
}

const char kFirst[] = "model-00001-of-00002.safetensors";
const char kSecond[] = "model-00002-of-00002.safetensors";
const char kIndex[] = "model.safetensors.index.json";

void put_index(const fs::path& folder, const std::string& weight_map) {
  put_bytes(folder / kIndex, "{\"weight_map\": " + weight_map + "}");
}

}  // namespace

TEST_CASE("one file, several with an index, and bfloat16 give the same tensors") {
  const TemporaryFolder folder;
  put_single(folder / "single");
  put_sharded(folder / "sharded");
  put_bfloat16(folder / "halves");
  for (const char* kind : {"single", "sharded", "halves"}) {
    CAPTURE(kind);
    const HubFolder hub = HubFolder::open(folder / kind);
    CHECK(hub.config()["model_type"] == "toy");
    CHECK(hub.find("embed.weight")->shape == Shape{3, 2});
    CHECK(hub.find("scale")->shape == Shape{});
    CHECK(numbers(hub, "embed.weight") == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(numbers(hub, "norm.bias") == std::vector<float>{-1, 0.5f});
    CHECK(numbers(hub, "head.weight") == std::vector<float>{7, 8, 9, 1, 2, 3});
    CHECK(numbers(hub, "scale") == std::vector<float>{0.25f});
    CHECK(hub.find("none") == nullptr);
    CHECK(hub.file_of("none").empty());
    CHECK(contains(error_of([&] { hub.read("none", nullptr); }), "it has no tensor \"none\""));
  }
  const HubFolder sharded = HubFolder::open(folder / "sharded");
  CHECK(sharded.names() ==
        std::vector<std::string>{"embed.weight", "head.weight", "norm.bias", "scale"});
  CHECK(sharded.file_of("scale") == folder / "sharded" / kSecond);
  const HubFolder halves = HubFolder::open(folder / "halves");
  CHECK(halves.find("positions")->dtype == "I64");
  CHECK(contains(error_of([&] { halves.read("positions", nullptr); }),
                 "model.safetensors, tensor positions: its numbers are I64"));
}

TEST_CASE("of a single file and an index the single file counts") {
  const TemporaryFolder folder;
  put_sharded(folder / "a");
  put_single(folder / "b");
  fs::copy(folder / "b/model.safetensors", folder / "a/model.safetensors");
  put_bytes(folder / "a" / kIndex, "not even JSON");
  CHECK(HubFolder::open(folder / "a").file_of("scale") == folder / "a/model.safetensors");
}

TEST_CASE("a folder that is none, or lacks something, is refused with what to do") {
  const TemporaryFolder folder;
  CHECK(contains(refusal(folder / "none"), "none: there is no such folder"));
  put_single(folder / "a");
  CHECK(contains(refusal(folder / "a/model.safetensors"), "this is not a folder. Name the folder"));
  fs::remove(folder / "a/model.safetensors");
  CHECK(contains(refusal(folder / "a"),
                 "a: this folder has no model.safetensors and no model.safetensors.index.json."));
  put_bytes(folder / "a/pytorch_model.bin", "PK");
  CHECK(contains(refusal(folder / "a"),
                 "Its pytorch_model.bin is not read, only safetensors are. In Python: "));
  fs::rename(folder / "a/pytorch_model.bin", folder / "a/weights.safetensors");
  CHECK(contains(refusal(folder / "a"), "a single one needs the first name"));
  fs::create_symlink("nowhere", folder / "a/model.safetensors");
  CHECK(contains(refusal(folder / "a"), "a/model.safetensors: cannot be opened: No such file"));
  fs::remove(folder / "a/model.safetensors");
  put_bytes(folder / "a/model.safetensors",
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
  CHECK(contains(refusal(folder / "a"), "this is a Git LFS pointer, not the file itself"));
  put_bytes(folder / "a/model.safetensors", raw_safetensors("{}", ""));
  CHECK(contains(refusal(folder / "a"), "it holds no tensors"));
  fs::remove(folder / "a/config.json");
  CHECK(contains(refusal(folder / "a"), "this folder has no config.json"));
  fs::create_directory(folder / "a/config.json");
  CHECK(contains(refusal(folder / "a"), "config.json: this is a folder, not a file"));
}

TEST_CASE("a config that is no JSON object is refused with the place") {
  const TemporaryFolder folder;
  put_single(folder / "a");
  const auto with = [&](const std::string& config) {
    put_bytes(folder / "a/config.json", config);
    const std::string sentence = refusal(folder / "a");
    CHECK(contains(sentence, "config.json: "));
    return sentence;
  };
  CHECK(contains(with(""), "its JSON ends too early"));
  CHECK(contains(with("{\"a\": 1"), "its JSON ends too early"));
  CHECK(contains(with("[1]"), "it holds a JSON array, not an object"));
  CHECK(contains(with("{\"a\": 1,\n \"a\": 2}"), "has the key \"a\" twice in one object"));
  CHECK(contains(with("{\"b\": {\"a\": 1, \"a\": 2}}"), "has the key \"a\" twice in one object"));
  CHECK(contains(with("{\"a\": NaN}"), "breaks off at line 1, column 7, with"));
  CHECK(contains(with("{\"a\": 1e400}"), "holds the number \"1e400\", which is too large"));
  CHECK(contains(with(std::string("\0\1\2", 3)), "a zero byte, at line 1, column 1"));
  CHECK(contains(with("{\"a\": " + std::string(1000000, '[')), "nested deeper than 20 levels"));
  CHECK(contains(with("{\"a\": \"" + std::string(11 << 20, 'x') + "\"}"), "more than 10.0 MiB"));
  put_bytes(folder / "a/config.json", "{\"a\": {\"b\": 1}, \"c\": {\"b\": 1}}");
  CHECK(refusal(folder / "a") == "");
}

TEST_CASE("an index and its files must agree") {
  const TemporaryFolder folder;
  const fs::path a = folder / "a";
  put_sharded(a);
  for (const char* name :
       {"../x", "/etc/passwd", "", ".", "a/b", "..", "a\\\\b", "a\\u0000", "a\\n"}) {
    put_index(a, std::string("{\"scale\": \"") + name + "\"}");
    CHECK(contains(refusal(a),
                   "tensor scale: its file must be the plain name of one in this folder"));
  }
  for (const char* map : {"null", "[]", "{}", "3"}) {
    put_index(a, map);
    CHECK(contains(refusal(a), "it needs a weight_map"));
  }
  put_index(a, "{\"scale\": 3}");
  CHECK(contains(refusal(a), "must be the plain name"));
  put_index(a, "{\"scale\": \"x\", \"scale\": \"y\"}");
  CHECK(contains(refusal(a), "has the key \"scale\" twice"));
  put_bytes(a / kIndex, "{}");
  CHECK(contains(refusal(a), "it needs a weight_map"));

  put_sharded(a);
  fs::remove(a / kSecond);
  CHECK(contains(refusal(a), std::string(kSecond) + ": " + kIndex + " lists this file, but it is"));
  put_sharded(a);
  put_bytes(a / kSecond, raw_safetensors({{"scale", "F32", {}, float_bytes({1})}}));
  CHECK(contains(refusal(a), std::string(kSecond) + ", tensor head.weight: " + kIndex +
                                 " lists it here, but it is missing"));
  put_bytes(a / kSecond, raw_safetensors({{"scale", "F32", {}, float_bytes({1})},
                                          {"head.weight", "F32", {1}, float_bytes({1})},
                                          {"more", "F32", {1}, float_bytes({1})}}));
  CHECK(contains(refusal(a), std::string(kSecond) + ", tensor more: " + kIndex + " does not list"));
  put_bytes(a / kSecond, raw_safetensors({{"scale", "F32", {}, float_bytes({1})},
                                          {"head.weight", "F32", {1}, float_bytes({1})},
                                          {"norm.bias", "F32", {1}, float_bytes({1})}}));
  CHECK(contains(refusal(a), std::string(kSecond) + ", tensor norm.bias: " + kIndex +
                                 " lists it in " + kFirst + " instead"));
}

TEST_CASE("an index of very many tensors is read in a moment") {
  const TemporaryFolder folder;
  put_single(folder.path());
  fs::remove(folder / "model.safetensors");
  std::string map = "{";
  std::vector<RawTensor> tensors;
  for (int i = 0; i < 50000; ++i) {
    tensors.push_back({fmt::format("model.layers.experts.{}.weight", i), "F32", {0}, ""});
    map += fmt::format("{}\"{}\":\"all\"", i ? "," : "", tensors.back().name);
  }
  put_bytes(folder / "all", raw_safetensors(tensors));
  put_index(folder.path(), map + "}");
  CHECK(HubFolder::open(folder.path()).names().size() == 50000);
}

TEST_CASE("numbers that are none, and files cut after they were opened, are refused") {
  const TemporaryFolder folder;
  put_single(folder.path());
  for (const float bad : {NAN, -INFINITY}) {
    put_bytes(folder / "model.safetensors",
              raw_safetensors({{"w", "F32", {2}, float_bytes({1, bad})}}));
    const HubFolder hub = HubFolder::open(folder.path());
    CHECK(contains(error_of([&] { numbers(hub, "w"); }), "tensor w: it holds NaN or infinity"));
  }
  const HubFolder hub = HubFolder::open(folder.path());
  fs::resize_file(folder / "model.safetensors", 20);
  CHECK_THROWS_AS(numbers(hub, "w"), UsageError);
}
