#include "core/files/files.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/digest.h"
#include "core/files/json.h"
#include "core/files/safetensors.h"
#include "temporary.h"

using namespace waiver;

TEST_CASE("an atomic write replaces the whole file and leaves nothing beside it") {
  const TemporaryFolder folder;
  write_atomically(folder / "a", "a long first version");
  write_atomically(folder / "a", "short");
  CHECK(read_file(folder / "a") == "short");
  write_atomically(folder / "a", std::string_view("\0\xff\n", 3));
  CHECK(read_file(folder / "a") == std::string("\0\xff\n", 3));
  CHECK(folder.entries() == 1);
}

TEST_CASE("a relative path without a folder can be written") {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const std::string error = error_of([] { write_atomically("here", "x"); });
  std::filesystem::current_path(before);
  CHECK(error == "");
  CHECK(read_file(folder / "here") == "x");
}

TEST_CASE("a write beyond the size limit is an error, and the old file stays") {
  const TemporaryFolder folder;
  write_atomically(folder / "a", "old");
  std::string error;
  {
    const FullDisk full(1000);
    error = error_of([&] { write_atomically(folder / "a", std::string(5000, 'x')); });
  }
  CHECK(contains(error, (folder / "a").string()));
  CHECK(contains(error, "File too large"));
  CHECK(contains(error, "ulimit"));
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a full device is an error, and the old file stays") {
  const TemporaryFolder folder;
  write_atomically(folder / "a", "old");
  std::filesystem::create_symlink("/dev/full", temporary_of(folder / "a"));
  const std::string error = error_of([&] { write_atomically(folder / "a", "new"); });
  CHECK(contains(error, "No space left on device"));
  CHECK(contains(error, "Free some space"));
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("errors of files name the path and the reason") {
  const TemporaryFolder folder;
  CHECK(contains(error_of([&] { read_file(folder / "none"); }), "none: cannot be opened: No such"));
  CHECK(contains(error_of([&] { read_file(folder.path()); }), "this is a folder, not a file"));
  CHECK(
      contains(error_of([&] { write_atomically(folder / "no/a", "x"); }), "no/a: cannot be writ"));
  CHECK(contains(error_of([&] { sync_folder(folder / "no"); }), "No such file"));
  put_bytes(folder / "file", "x");
  CHECK(contains(error_of([&] { make_folder(folder / "file/b"); }), "cannot be created"));
  CHECK(contains(error_of([&] { move_path(folder / "no", folder / "b"); }), "cannot be renamed"));
}

TEST_CASE("devices and what is too long are refused by name, and a sparse file is not waited for") {
  const TemporaryFolder folder;
  CHECK(contains(error_of([] { read_file("/dev/zero"); }),
                 "/dev/zero: this is a device, not a file"));
  put_bytes(folder / "long", std::string(1001, 'x'));
  CHECK(contains(error_of([&] { read_file(folder / "long", 1000); }), "it holds more than"));
  CHECK(read_file(folder / "long", 1001).size() == 1001);
  put_bytes(folder / "sparse", "x");
  std::filesystem::resize_file(folder / "sparse", uintmax_t{1} << 43);
  CHECK(contains(error_of([&] { read_file(folder / "sparse"); }), "it holds more than"));
}

TEST_CASE("a pipe is read to its end, however its bytes come") {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::string sent;
  for (int i = 0; i < 100000; ++i) sent += "some more of it\n";
  std::thread writer([&] {
    std::ofstream out(pipe, std::ios::binary);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    out << sent.substr(0, 7) << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    out << sent.substr(7);
  });
  CHECK(read_file(pipe) == sent);
  writer.join();
  std::thread silent([&] { std::ofstream(pipe) << ""; });
  CHECK(read_file(pipe) == "");
  silent.join();
}

TEST_CASE("plain numbers of JSON have a point only where they need one, and no NaN or infinity") {
  Json all = Json::array();
  for (const double x : {170.0, -3.0, 0.25, 1e300, double{NAN}, -double{INFINITY}})
    all.push_back(json_plain_number(x));
  CHECK(json_text(all) == "[170,-3,0.25,1e+300,null,null]");
}

TEST_CASE("crc32 has its published check value") {
  const std::string digits = "123456789";  // of the CRC catalogue: CRC-32/ISO-HDLC
  CHECK(crc32_of(std::as_bytes(std::span(digits))) == 0xcbf43926u);
}

namespace {

struct Weights {
  std::vector<float> a = {1.5f, -2.0f, 3.25f, 0.0f, -0.0f, 1e-38f}, b = {7.0f};
  std::vector<NamedTensor> tensors = {{"z.weight", {a.data(), {2, 3}}}, {"b", {b.data(), {1}}}};
};

std::string file_with(const std::string& header, size_t array_bytes) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header +
         std::string(array_bytes, '\0');
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
  CHECK(contains(parse_error(file_with("{\"a\": ", 0)), "not a JSON object"));
  CHECK(contains(parse_error(file_with("{\"a\": 1}", 0)), "needs dtype"));
  CHECK(contains(parse_error(file_with("{\"__metadata__\": {\"a\": 1}}", 0)), "not a text"));
  CHECK(contains(tensor(R"("dtype":"F16","shape":[2],"data_offsets":[0,4])", 4), "\"F16\""));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4), "does not fit"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])", 4), "list of"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1],"data_offsets":[0,4])", 4), "five"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])", 4), "outside"));
  CHECK(contains(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", 8), "hole"));
  const std::string huge = R"("dtype":"F32","shape":[4294967296,4294967297],"data_offsets":[0,4])";
  CHECK(contains(tensor(huge, 4), "asks for more"));
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

TEST_CASE("SHA-256 has its published values, whole and in parts") {
  // FIPS 180-4, examples of one block and of none.
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256().add("a").add("").add("bc").digest() == sha256("abc"));
}
