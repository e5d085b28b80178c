#include "core/files/files.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "core/digest.h"
#include "core/files/json.h"
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

TEST_CASE("SHA-256 has its published values, whole and in parts") {
  // FIPS 180-4, examples of one block and of none.
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256().add("a").add("").add("bc").digest() == sha256("abc"));
}
