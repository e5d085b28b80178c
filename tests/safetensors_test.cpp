#include "core/files/safetensors.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "core/bfloat16.h"
#include "core/float16.h"
#include "core/memory.h"
#include "hub_files.h"
#include "temporary.h"

using namespace waiver;

namespace {

struct Weights {
  std::vector<float> a = {1.5f, -2.0f, 3.25f, 0.0f, -0.0f, 1e-38f}, b = {7.0f};
  std::vector<NamedTensor> tensors = {{"z.weight", {a.data(), {2, 3}}}, {"b", {b.data(), {1}}}};
};

std::string file_with(const std::string& header, size_t array_bytes) {
  return raw_safetensors(header, std::string(array_bytes, '\0'));
}

std::string parse_error(const std::string& bytes) {
  return error_of([&] { Safetensors::parse("x.safetensors", bytes); });
}

}  // namespace

TEST_CASE("safetensors come back bit for bit, with their metadata") {
  const TemporaryFolder folder;
  Weights w;
  const std::map<std::string, std::string> metadata = {{"config", "a: \"ü\"\n"}, {"format", "x"}};
  write_safetensors(folder / "m", w.tensors, metadata);
  const Safetensors file = Safetensors::open(folder / "m");
  CHECK(file.metadata() == metadata);
  REQUIRE(file.entries().size() == 2);
  CHECK(file.entries()[0].name == "z.weight");
  CHECK(file.entries()[0].shape == Shape{2, 3});
  CHECK(file.find("c") == nullptr);
  std::vector<float> a(6);
  file.copy(*file.find("z.weight"), a.data());
  CHECK(std::memcmp(a.data(), w.a.data(), 24) == 0);
}

TEST_CASE("safetensors are laid out as the format says") {
  Weights w;
  const std::string bytes = safetensors_bytes("m", w.tensors, {{"k", "v"}});
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
  const std::string header = bytes.substr(8, length);
  const std::string json =
      R"({"__metadata__":{"k":"v"},"z.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"F32","shape":[1],"data_offsets":[24,28]}})";
  CHECK(header.substr(0, json.size()) == json);
  CHECK(header.find_first_not_of(' ', json.size()) == std::string::npos);
  CHECK(bytes.size() == 8 + length + 28);
  CHECK(std::memcmp(bytes.data() + 8 + length, w.a.data(), 24) == 0);
}

TEST_CASE("safetensors truncated at any length are refused") {
  Weights w;
  const std::string bytes = safetensors_bytes("m", w.tensors, {{"k", "v"}});
  for (size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(contains(parse_error(bytes.substr(0, length)), "x.safetensors"));
  }
  CHECK(contains(parse_error(bytes + "x"), "its tensors have 28 bytes, the file holds 29"));
}

TEST_CASE("what is no safetensors file is refused with the reason") {
  auto tensor = [](const std::string& body, size_t bytes) {
    return parse_error(file_with("{\"a\":{" + body + "}}", bytes));
  };
  CHECK(contains(parse_error("\x89PNG\r\n\x1a\n and so on"), "header should have"));
  CHECK(contains(parse_error(file_with("[1, 2]", 0)), "not a JSON object"));
  CHECK(contains(parse_error(file_with("{\"a\": ", 0)), "its JSON ends too early"));
  CHECK(contains(parse_error(file_with("{\"a\": 1}", 0)), "needs dtype"));
  CHECK(contains(parse_error(file_with("{\"__metadata__\": {\"a\": 1}}", 0)), "not a text"));
  CHECK(contains(tensor(R"("dtype":"F4","shape":[2],"data_offsets":[0,4])", 4),
                 "its dtype is \"F4\", which is none of F32, F16, BF16, F64"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4), "does not fit"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])", 4), "list of"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1],"data_offsets":[0,4])", 4), "five"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])", 4), "outside"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", 8), "hole"));
  const std::string huge = R"("dtype":"F32","shape":[4294967296,4294967297],"data_offsets":[0,4])";
  CHECK(contains(tensor(huge, 4), "asks for more"));
}

TEST_CASE("what could be read in two ways, or not to the end, is refused with its place") {
  const auto header = [](const std::string& json, size_t bytes = 4) {
    return parse_error(file_with(json, bytes));
  };
  const std::string one = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  CHECK(contains(header("{\"a\":" + one + ",\"a\":" + one + "}"), "has the key \"a\" twice"));
  CHECK(contains(header(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
                 "has the key \"dtype\" twice in one object"));
  CHECK(contains(header(std::string("{\"a\":") + one + "}" + '\0'), "a zero byte"));
  CHECK(contains(header("{\"a\xff\":" + one + "}"), "at line 1, column 4"));
  CHECK(contains(header("{\n \"a\": nul}"), "breaks off at line 2"));
  CHECK(contains(header("{\"a\":" + one + "} {}"), "breaks off"));
  CHECK(contains(header(R"({"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}})"),
                 "which is too large"));
  CHECK(contains(header(""), "ends too early"));
  for (const char* shape :
       {"[1.0]", "[-1]", "[18446744073709551616]", "[null]", "{}", "1", "[[1]]"})
    CHECK(contains(header(std::string(R"({"a":{"dtype":"F32","shape":)") + shape +
                          R"(,"data_offsets":[0,4]}})"),
                   "its shape must be a list of at most five counts"));
  for (const char* offsets : {"[0]", "[0,4,4]", "[0,4.0]", "[-4,0]", "[0,\"4\"]", "null"})
    CHECK(contains(
        header(std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)") + offsets + "}}"),
        "its data_offsets must be two counts"));
  CHECK(contains(header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})"), "outside"));
  CHECK(contains(header(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}})"), "is no text"));
  CHECK(contains(header(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,4]}})"),
                 "its shape [1] of I64 does not fit its 4 bytes"));
  CHECK(contains(header("{\"a\":" + one + ",\"b\":" + one + "}"), "a hole or overlaps"));
}

TEST_CASE("tensors without numbers have any shape whose product is 0") {
  const auto with_shape = [](const std::string& shape) {
    return file_with(R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,0]}})", 0);
  };
  for (const char* shape : {"[0]", "[3,0]", "[0,3]", "[0,4294967296]", "[4294967296,0]"}) {
    const Safetensors file = Safetensors::parse("m", with_shape(shape));
    CHECK(file.entries()[0].shape.size() == 0);
    CHECK(file.read(file.entries()[0]).empty());
  }
  for (const char* shape : {"[0,18446744073709551615]", "[0,4294967296,4294967296]"})
    CHECK(contains(parse_error(with_shape(shape)), "asks for more"));
}

TEST_CASE("a header longer than the format allows is refused before it is read") {
  const TemporaryFolder folder;
  const uint64_t length = 100000001;
  put_bytes(folder / "m", std::string(reinterpret_cast<const char*>(&length), 8));
  std::filesystem::resize_file(folder / "m", 8 + length);
  CHECK(
      contains(error_of([&] { Safetensors::open(folder / "m"); }), "the format allows 100000000"));
}

TEST_CASE("every F16 and BF16 number becomes its float32") {
  std::string bits;
  for (uint32_t i = 0; i < 0x10000; ++i) bits += {static_cast<char>(i), static_cast<char>(i >> 8)};
  const std::vector<RawTensor> tensors = {{"half", "F16", {256, 256}, bits},
                                          {"brain", "BF16", {65536}, bits}};
  const Safetensors file = Safetensors::parse("m", raw_safetensors(tensors));
  const std::vector<float> half = file.read(*file.find("half")),
                           brain = file.read(*file.find("brain"));
  int64_t wrong = 0;
  for (uint32_t i = 0; i < 0x10000; ++i) {
    // IEEE 754-2019, §3.4: (−1)^sign 2^(exponent − 15) 1.fraction, 2^−14 0.fraction for exponent 0.
    const int exponent = i >> 10 & 31, fraction = i & 1023;
    double value =
        exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
    if (exponent == 31) value = fraction ? NAN : INFINITY;
    if (i & 0x8000) value = -value;
    const bool same = std::isnan(value) ? std::isnan(half[i])
                                        : static_cast<double>(half[i]) == value &&
                                              std::signbit(half[i]) == std::signbit(value);
    wrong += !same || std::bit_cast<uint32_t>(brain[i]) != i << 16;
  }
  CHECK(wrong == 0);
  std::vector<float> first(300);
  file.copy(*file.find("brain"), first.data(), 300);
  CHECK(std::memcmp(first.data(), brain.data(), 300 * sizeof(float)) == 0);
}

TEST_CASE(
    "tensors of other types are listed, and refused by name when their numbers are asked for") {
  const Safetensors file =
      Safetensors::parse("m", raw_safetensors({{"w", "F32", {1}, std::string(4, '\0')},
                                               {"positions", "I64", {1, 2}, std::string(16, '\0')},
                                               {"mask", "BOOL", {3}, std::string(3, '\1')}}));
  REQUIRE(file.entries().size() == 3);
  CHECK(file.find("positions")->dtype == "I64");
  CHECK(file.find("positions")->shape == Shape{1, 2});
  CHECK(file.find("w")->readable());
  CHECK(!file.find("mask")->readable());
  CHECK(file.read(*file.find("w")) == std::vector<float>{0});
  CHECK(error_of([&] { file.read(*file.find("mask")); }) ==
        "m, tensor mask: its numbers are BOOL; only F32, F16 and BF16 can be read.");
}

TEST_CASE("a file that is cut after it was opened is an error, not the end of the program") {
  const TemporaryFolder folder;
  const size_t count = 1 << 20;
  put_bytes(folder / "m", raw_safetensors({{"a", "F32", {count}, std::string(4 * count, '\1')},
                                           {"b", "BF16", {4}, std::string(8, '\1')}}));
  const Safetensors file = Safetensors::open(folder / "m");
  CHECK(file.read(*file.find("b")).size() == 4);
  std::filesystem::resize_file(folder / "m", 4096);
  for (const char* name : {"a", "b"})
    CHECK(contains(error_of([&] { file.read(*file.find(name)); }),
                   "m: it has become shorter while it was read"));
}

TEST_CASE("an open file is not in memory: its tensors are read as they are copied") {
  const TemporaryFolder folder;
  put_bytes(folder / "m",
            raw_safetensors(
                R"({"a":{"dtype":"F32","shape":[16777216],"data_offsets":[0,67108864]}})", ""));
  std::filesystem::resize_file(folder / "m", std::filesystem::file_size(folder / "m") + 67108864);
  reset_peak_resident();
  const int64_t before = peak_resident();
  const Safetensors file = Safetensors::open(folder / "m");
  std::vector<float> one(1);
  file.copy(*file.find("a"), one.data(), 1);
  CHECK(peak_resident() - before < int64_t{16} << 20);  // of 64 MiB
  CHECK(one[0] == 0);
}

TEST_CASE("a header of a million brackets is refused, not followed to the end of the stack") {
  const TemporaryFolder folder;
  for (const std::string& open : {std::string("["), std::string("{\"a\":")})
    for (const std::string& before : {std::string(), std::string("{\"a\":{\"dtype\":")}) {
      std::string json = before;
      for (int i = 0; i < 1000000; ++i) json += open;
      const uint64_t length = json.size();
      std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
      put_bytes(folder / "deep", bytes + json);
      CHECK(contains(error_of([&] { Safetensors::open(folder / "deep"); }), "deep: its"));
      std::string closed = "{\"a\":{\"dtype\":";
      for (int i = 0; i < 1000000; ++i) closed += '[';
      for (int i = 0; i < 1000000; ++i) closed += ']';
      closed += ",\"shape\":[],\"data_offsets\":[0,0]}}";
      const uint64_t whole = closed.size();
      put_bytes(folder / "deep",
                std::string(reinterpret_cast<const char*>(&whole), sizeof whole) + closed);
      const std::string error = error_of([&] { Safetensors::open(folder / "deep"); });
      CHECK(contains(error, "deep"));
      CHECK(error.size() < 1000);
    }
}
