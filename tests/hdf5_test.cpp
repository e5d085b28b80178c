#include "core/files/hdf5.h"

#include <doctest/doctest.h>

#include <numeric>

#include "core/files/files.h"
#include "temporary.h"

using namespace waiver;

namespace {

std::vector<float> numbers(size_t count) {
  std::vector<float> out(count);
  std::iota(out.begin(), out.end(), 0.5f);
  return out;
}

void write_sample(const std::filesystem::path& path) {
  H5File file = H5File::create(path);
  const std::vector<int64_t> rows = {0, 1, 2}, steps = {1, 2, int64_t{1} << 60};
  const std::vector<std::string> words = {"the", "", "für"};
  file.write<int64_t>("/row", rows, {3}, {});
  file.make_scale("/row", "row");
  file.write<int64_t>("/a/steps", steps, {3}, {.extendible = true});
  file.write<float>("/a/deep/maps", numbers(24), {3, 2, 4}, {.extendible = true, .checksum = true});
  file.write("/a/words", words, {3});
  for (const char* name : {"/a/steps", "/a/deep/maps", "/a/words"})
    file.attach_scale(name, 0, "/row");
  file.set_attribute("/a", "text", std::string("first"));
  file.set_attribute("/a", "text", std::string("second, µ"));
  file.set_attribute("/", "number", int64_t{-7});
  file.save();
}

}  // namespace

TEST_CASE("what was saved is read back") {
  const TemporaryFolder folder;
  write_sample(folder / "a.h5");
  const H5File file = H5File::open(folder / "a.h5");
  CHECK(file.names("/") == std::vector<std::string>{"a", "row"});
  CHECK(file.names("/a") == std::vector<std::string>{"deep", "steps", "words"});
  CHECK(file.is_dataset("/row"));
  CHECK_FALSE(file.is_dataset("/a"));
  CHECK_FALSE(file.has("/a/none"));
  CHECK(file.read<int64_t>("/a/steps") == std::vector<int64_t>{1, 2, int64_t{1} << 60});
  CHECK(file.read<float>("/a/deep/maps") == numbers(24));
  CHECK(file.shape("/a/deep/maps") == H5File::Extents{3, 2, 4});
  CHECK(file.read_strings("/a/words") == std::vector<std::string>{"the", "", "für"});
  CHECK(file.string_attribute("/a", "text") == "second, µ");
  CHECK(file.int_attribute("/", "number") == -7);
  CHECK_FALSE(file.has_attribute("/", "text"));
  CHECK(file.labels("/a/deep/maps") == std::vector<std::string>{"row", "", ""});
}

TEST_CASE("rows are added, read in ranges and cut, also in a file opened again") {
  const TemporaryFolder folder;
  H5File file = H5File::create(folder / "a.h5");
  file.write<double>("/x", {}, {0, 300}, {.extendible = true});
  std::vector<double> row(300);
  for (int i = 0; i < 100; ++i) {
    std::iota(row.begin(), row.end(), 1000.0 * i);
    file.append<double>("/x", row);
  }
  file.save();
  H5File again = H5File::open(folder / "a.h5");
  CHECK(again.shape("/x") == H5File::Extents{100, 300});
  const auto middle = again.read_rows<double>("/x", 40, 42);
  REQUIRE(middle.size() == 600);
  CHECK(middle[0] == 40000.0);
  CHECK(middle[599] == 41299.0);
  again.truncate("/x", 41);
  again.append<double>("/x", row);
  CHECK(again.shape("/x") == H5File::Extents{42, 300});
  CHECK(again.read<double>("/x")[41 * 300] == 99000.0);
  CHECK(contains(error_of([&] { again.read_rows<double>("/x", 41, 43); }), "no such rows"));
  CHECK(contains(error_of([&] { again.append<double>("/x", {row.data(), 299}); }), "whole rows"));
  CHECK(contains(error_of([&] { again.truncate("/x", 43); }), "no such rows"));
  CHECK(file.shape("/x") == H5File::Extents{100, 300});
}

TEST_CASE("rows longer than a chunk and arrays longer than a chunk are read back") {
  const TemporaryFolder folder;
  H5File file = H5File::create(folder / "a.h5");
  const auto values = numbers(3 * 700 * 701);
  file.write<float>("/rows", values, {3, 700, 701}, {.extendible = true});
  file.write<float>("/array", values, {3, 700, 701}, {.checksum = true});
  file.save();
  const H5File again = H5File::open(folder / "a.h5");
  CHECK(again.read<float>("/rows") == values);
  CHECK(again.read<float>("/array") == values);
}

TEST_CASE("scalars and empty arrays are read back") {
  const TemporaryFolder folder;
  H5File file = H5File::create(folder / "a.h5");
  const double pi = 3.25;
  file.write<double>("/scalar", {&pi, 1}, {}, {});
  file.write<float>("/empty", {}, {0, 3}, {.extendible = true});
  CHECK(file.read<double>("/scalar") == std::vector<double>{3.25});
  CHECK(file.shape("/scalar").empty());
  CHECK(file.read<float>("/empty").empty());
}

TEST_CASE("equal content gives equal bytes") {
  const TemporaryFolder folder;
  write_sample(folder / "a.h5");
  ::sleep(1);  // a time stamp would differ now
  write_sample(folder / "b.h5");
  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
}

TEST_CASE("saving what was opened changes nothing") {
  const TemporaryFolder folder;
  write_sample(folder / "a.h5");
  const std::string before = read_file(folder / "a.h5");
  H5File::open(folder / "a.h5").save();
  const H5File again = H5File::open(folder / "a.h5");
  CHECK(again.read<float>("/a/deep/maps") == numbers(24));
  CHECK(read_file(folder / "a.h5").size() == before.size());
}

TEST_CASE("a removed dataset is forgotten by its scales and can be made again") {
  const TemporaryFolder folder;
  write_sample(folder / "a.h5");
  H5File file = H5File::open(folder / "a.h5");
  for (int i = 0; i < 3; ++i) {
    file.remove("/a/words");
    CHECK_FALSE(file.has("/a/words"));
    file.write<float>("/a/words", numbers(3), {3}, {});
    file.attach_scale("/a/words", 0, "/row");
  }
  file.save();
  CHECK(H5File::open(folder / "a.h5").read<float>("/a/words") == numbers(3));
}

TEST_CASE("files truncated at any length are refused by name") {
  const TemporaryFolder folder;
  write_sample(folder / "a.h5");
  const std::string bytes = read_file(folder / "a.h5");
  for (size_t length = 0; length < bytes.size(); length += length < 1024 ? 7 : 251) {
    put_bytes(folder / "torn.h5", std::string_view(bytes).substr(0, length));
    CAPTURE(length);
    CHECK(contains(error_of([&] { H5File::open(folder / "torn.h5"); }), "torn.h5: "));
  }
}

TEST_CASE("empty and foreign files are refused with the reason") {
  const TemporaryFolder folder;
  auto error = [&](std::string_view bytes) {
    put_bytes(folder / "x.h5", bytes);
    return error_of([&] { H5File::open(folder / "x.h5"); });
  };
  CHECK(contains(error(""), "x.h5: the file is empty"));
  CHECK(contains(error("model:\n  layers: 2\n"), "x.h5: this is not an HDF5 file"));
  CHECK(contains(error("\x89PNG\r\n\x1a\n" + std::string(500, 'x')), "not an HDF5 file"));
  CHECK(contains(error("\x89HDF\r\n\x1a\n" + std::string(500, 'x')), "truncated or damaged"));
  CHECK(contains(error_of([&] { H5File::open(folder / "none.h5"); }), "No such file"));
}

TEST_CASE("a damaged array with a checksum refuses to be read") {
  const TemporaryFolder folder;
  H5File file = H5File::create(folder / "a.h5");
  const auto values = numbers(1000);
  file.write<float>("/x", values, {1000}, {.checksum = true});
  file.save();
  std::string bytes = read_file(folder / "a.h5");
  const std::string_view part(reinterpret_cast<const char*>(&values[500]), 40);
  const size_t at = bytes.find(part);
  REQUIRE(at != std::string::npos);
  bytes[at] ^= 1;
  put_bytes(folder / "a.h5", bytes);
  const H5File damaged = H5File::open(folder / "a.h5");
  CHECK(contains(error_of([&] { damaged.read<float>("/x"); }), "a.h5:/x: the data cannot be read"));
}

TEST_CASE("a sealed file refuses every changed byte and every length") {
  const TemporaryFolder folder;
  H5File file = H5File::create(folder / "a.h5", true);
  file.write<float>("/x", numbers(10), {10}, {});
  file.save();
  const std::string good = read_file(folder / "a.h5");
  CHECK(H5File::open(folder / "a.h5").read<float>("/x") == numbers(10));
  H5File::open(folder / "a.h5").save();
  CHECK(H5File::open(folder / "a.h5").read<float>("/x") == numbers(10));
  for (size_t at = 0; at < good.size(); at += 5) {
    CAPTURE(at);
    std::string bad = good;
    bad[at] ^= 4;
    put_bytes(folder / "a.h5", bad);
    CHECK(contains(error_of([&] { H5File::open(folder / "a.h5"); }), "a.h5: "));
    put_bytes(folder / "a.h5", std::string_view(good).substr(0, at));
    CHECK(contains(error_of([&] { H5File::open(folder / "a.h5"); }), "a.h5: "));
  }
}

TEST_CASE("errors name the file and the object") {
  const TemporaryFolder folder;
  write_sample(folder / "a.h5");
  H5File file = H5File::open(folder / "a.h5");
  CHECK(contains(error_of([&] { file.read<float>("/a/none"); }), "a.h5:/a/none: there is no such"));
  CHECK(
      contains(error_of([&] { file.read<float>("/a/words"); }), "a.h5:/a/words: the data cannot"));
  CHECK(contains(error_of([&] { file.string_attribute("/a", "no"); }),
                 "a.h5:/a: its attribute 'no'"));
  CHECK(contains(error_of([&] { file.names("/none"); }), "no such group"));
  CHECK(
      contains(error_of([&] { file.write<float>("/y", numbers(3), {4}, {}); }), "differ in size"));
}
