// Folders of published models, damaged in every way that the format allows for: each is read whole,
// or refused with one sentence that a terminal can show.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <regex>
#include <sstream>

#include "core/memory.h"
#include "core/text/printable.h"
#include "hub_files.h"
#include "inspect/published/hub_folder.h"
#include "temporary.h"

namespace fs = std::filesystem;
using namespace waiver;

namespace {

std::string bytes_of(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

struct Taken {
  int64_t read = 0, refused = 0;
};

// Opens the folder and reads all that can be read; fails the test unless that works or is refused
// in one clean sentence.
void take(const fs::path& folder, Taken& taken) {
  try {
    const HubFolder hub = HubFolder::open(folder);
    for (const std::string& name : hub.names()) {
      const SafetensorsEntry& entry = *hub.find(name);
      const auto bytes = static_cast<int64_t>(fs::file_size(hub.file_of(name)));
      REQUIRE(entry.shape.size() <= bytes);
      std::vector<float> numbers(static_cast<size_t>(entry.shape.size()));
      if (entry.readable()) hub.read(name, numbers.data());
    }
    ++taken.read;
  } catch (const UsageError& error) {
    const std::string sentence = error.what();
    CAPTURE(sentence);
    CHECK(sentence.size() < 1500);
    CHECK(sentence == printable(sentence, sentence.size()));
    CHECK(std::string(".?!)").find(sentence.back()) != std::string::npos);
    CHECK(sentence.starts_with(printable(folder.string())));
    CHECK(!contains(sentence, "json.exception"));
    ++taken.refused;
  }
}

uint64_t header_length(const std::string& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  return length;
}

// What a number, a text or a list of JSON may be replaced by.
const std::vector<std::string> kHostile = {"0",
                                           "-1",
                                           "-0",
                                           "1.5",
                                           "1e400",
                                           "-1e400",
                                           "1e18",
                                           "9223372036854775807",
                                           "9223372036854775808",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "999999999999999999999999999999",
                                           "null",
                                           "true",
                                           "[]",
                                           "{}",
                                           "[[1]]",
                                           "\"\"",
                                           "\"F64\"",
                                           "\"F4\"",
                                           "\"BOOL\"",
                                           "\"\\u0000\"",
                                           "\"\\u001b[31m\"",
                                           "\"\\ud800\"",
                                           "\"\xff\"",
                                           "\"../x\"",
                                           "",
                                           ",",
                                           "nan",
                                           "\"" + std::string(5000, 'x') + "\"",
                                           std::string(5000, '['),
                                           std::string(3000, '[') + std::string(3000, ']'),
                                           "{\"a\":1,\"a\":2}"};

// Replaces one value of the JSON, or repeats, drops or inserts a part.
std::string mutate_json(const std::string& json, std::mt19937& draw) {
  static const std::regex value(R"("[^"]*"|-?[0-9.]+|\[[^\[\]]*\]|\{[^{}]*\})");
  std::vector<std::pair<size_t, size_t>> values;
  for (auto it = std::sregex_iterator(json.begin(), json.end(), value);
       it != std::sregex_iterator(); ++it)
    values.emplace_back(it->position(), it->length());
  const auto any = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(draw); };
  const auto [at, length] = values[any(values.size())];
  const std::string found = json.substr(at, length);
  switch (any(6)) {
    case 0:
      return json.substr(0, at) + json.substr(at + length);
    case 1:
      return json.substr(0, at) + found + "," + found + json.substr(at + length);
    case 2:
      return json.substr(0, at) + json.substr(values[any(values.size())].first);
    default:
      return json.substr(0, at) + kHostile[any(kHostile.size())] + json.substr(at + length);
  }
}

std::string flip(std::string bytes, size_t below, std::mt19937& draw) {
  const size_t at = draw() % std::max<size_t>(below, 1);
  if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << draw() % 8);
  return bytes;
}

// One of a file's mutants.
std::string mutant(const std::string& file, bool safetensors, std::mt19937& draw) {
  const size_t header = safetensors ? 8 + header_length(file) : file.size();
  const std::string json = file.substr(safetensors ? 8 : 0, safetensors ? header - 8 : header);
  switch (draw() % 8) {
    case 0:
      return flip(file, header, draw);
    case 1:
      return flip(flip(flip(file, header, draw), header, draw), file.size(), draw);
    case 2:
      return file.substr(0, draw() % file.size());
    case 3: {
      const size_t at = draw() % file.size();
      return file.substr(0, at) + std::string(1 + draw() % 9, static_cast<char>(draw())) +
             file.substr(at);
    }
    default: {
      const std::string other = mutate_json(json, draw);
      return safetensors ? raw_safetensors(other, file.substr(header)) : other;
    }
  }
}

const std::map<std::string, std::function<void(const fs::path&)>> kFolders = {
    {"single", put_single}, {"sharded", put_sharded}, {"halves", put_bfloat16}};

void each_file(const std::function<void(const fs::path& folder, const fs::path& file,
                                        const std::string& bytes)>& visit) {
  const TemporaryFolder all;
  for (const auto& [name, put] : kFolders) {
    const fs::path folder = all / name;
    put(folder);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      const std::string bytes = bytes_of(file);
      visit(folder, file, bytes);
      put_bytes(file, bytes);
    }
  }
}

}  // namespace

TEST_CASE("whatever the damage, a folder is read or refused in a sentence, and no memory is lost") {
  reset_peak_resident();
  const int64_t before = peak_resident();
  Taken taken;
  std::mt19937 draw(20240917);
  each_file([&](const fs::path& folder, const fs::path& file, const std::string& bytes) {
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      const std::string other = mutant(bytes, file.extension() == ".safetensors", draw);
      put_bytes(file, other);
      take(folder, taken);
    }
  });
  CHECK(taken.read + taken.refused == 8 * 60);
  CHECK(taken.read > 20);      // damage to what config.json says, to numbers and to padding
  CHECK(taken.refused > 300);  // so most of it is found
  CHECK(peak_resident() - before < int64_t{32} << 20);
}

TEST_CASE("a file cut at any place is refused, and so is one with something behind it") {
  each_file([&](const fs::path& folder, const fs::path& file, const std::string& bytes) {
    CAPTURE(file.string());
    Taken taken;
    for (size_t length = 0; length < bytes.size(); ++length) {
      put_bytes(file, bytes.substr(0, length));
      take(folder, taken);
    }
    put_bytes(file, bytes + "x");
    take(folder, taken);
    CHECK(taken.read == 0);
    fs::remove(file);
    take(folder, taken);
    CHECK(taken.read == 0);
  });
}

TEST_CASE("every length that a header may claim is refused but its own") {
  each_file([&](const fs::path& folder, const fs::path& file, const std::string& bytes) {
    if (file.extension() != ".safetensors") return;
    Taken taken;
    const uint64_t own = header_length(bytes);
    for (const uint64_t length :
         {uint64_t{0}, uint64_t{1}, own - 1, own + 1, own + 8, bytes.size() - 8, bytes.size(),
          uint64_t{100000001}, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0} - 7,
          ~uint64_t{0}}) {
      CAPTURE(length);
      std::string other = bytes;
      std::memcpy(other.data(), &length, sizeof length);
      put_bytes(file, other);
      take(folder, taken);
    }
    CHECK(taken.read == 0);
  });
}
