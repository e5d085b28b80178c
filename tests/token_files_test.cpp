#include "data/token_file.h"

#include <cstring>

#include "datasets.h"
#include "npy.h"
#include "program.h"

namespace waiver {
namespace {

using namespace std::string_view_literals;

std::vector<int64_t> ids(int64_t count, int64_t vocabulary = 50000) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) out.push_back((i * 7919 + 13) % vocabulary);
  return out;
}

std::vector<int64_t> read(std::string_view bytes, TokenFormat format = TokenFormat::uint16,
                          int64_t vocabulary = 50304) {
  const auto tokens = parse_tokens("data.train", "t.bin", bytes, format, vocabulary).ids;
  return {tokens.begin(), tokens.end()};
}

std::string refusal(std::string_view bytes, TokenFormat format = TokenFormat::uint16,
                    int64_t vocabulary = 50304) {
  return error_of([&] { read(bytes, format, vocabulary); });
}

}  // namespace

TEST_CASE("token files without a header are of 2 or of 4 bytes a token") {
  CHECK(read(raw<uint16_t>(ids(100))) == ids(100));
  CHECK(read(raw<uint32_t>(ids(100)), TokenFormat::uint32) == ids(100));
  CHECK(read(raw<uint32_t>(ids(100, 128256)), TokenFormat::uint32, 128256) == ids(100, 128256));
  CHECK(read(raw<uint32_t>({0, 1 << 29}), TokenFormat::uint32, 1 << 30)[1] == 1 << 29);
  CHECK(contains(refusal("abc"), "its 3 bytes are not a whole number of uint16 tokens"));
  CHECK(contains(refusal("abcdef", TokenFormat::uint32),
                 "its 6 bytes are not a whole number of uint32"));
  CHECK(contains(refusal(raw<uint16_t>({7, 8, 9}), TokenFormat::uint16, 9),
                 "data.train: the file t.bin does not fit: token 2 is 9, beyond data.vocabulary = "
                 "9. Ids are 0 … 8."));
  CHECK(contains(refusal(raw<uint32_t>({7, 4294967295}), TokenFormat::uint32),
                 "token 1 is 4294967295"));
}

TEST_CASE("a uint32 file read as uint16 is recognised by its zeros") {
  CHECK(contains(refusal(raw<uint32_t>(ids(100))), "Write data.format: uint32."));
  CHECK(contains(refusal(raw<uint64_t>(ids(100)), TokenFormat::uint32),
                 "has 0 at every second place, so its numbers have 8 bytes, not 4"));
  // What is zero throughout may be meant, and so may the zeros of a few tokens.
  CHECK(read(raw<uint16_t>(std::vector<int64_t>(100, 0))).size() == 100);
  CHECK(read(raw<uint16_t>({5, 0, 6, 0})) == std::vector<int64_t>{5, 0, 6, 0});
  // Larger ids have no zeros there, but they do not fit into uint16.
  CHECK(contains(refusal(raw<uint32_t>(ids(100, 128256)), TokenFormat::uint16, 128256),
                 "data.format: uint16 has no ids above 65535, but data.vocabulary is 128256"));
}

TEST_CASE("a .npy file says itself what it holds") {
  const std::string shape = "(100,)";
  for (const TokenFormat format : {TokenFormat::uint16, TokenFormat::uint32}) {
    CHECK(read(npy(raw<uint16_t>(ids(100)), "'<u2'", shape), format) == ids(100));
    CHECK(read(npy(raw<uint32_t>(ids(100)), "'<u4'", shape), format) == ids(100));
    CHECK(read(npy(raw<uint64_t>(ids(100)), "'<u8'", shape), format) == ids(100));
    CHECK(read(npy(raw<int64_t>(ids(100)), "'<i8'", shape), format) == ids(100));
    CHECK(read(npy(raw<int32_t>(ids(100)), "'<i4'", shape), format) == ids(100));
    CHECK(read(npy(raw<int16_t>(ids(100, 99)), "'<i2'", shape), format) == ids(100, 99));
    CHECK(read(npy(raw<uint8_t>(ids(100, 99)), "'|u1'", shape), format) == ids(100, 99));
    CHECK(read(npy(raw<int8_t>(ids(100, 99)), "'|i1'", shape), format) == ids(100, 99));
  }
  CHECK(read(npy(raw<uint16_t>(ids(100)), "'<u2'", shape, "False", 2)) == ids(100));
  // Here zeros at every second place are intended.
  CHECK(read(npy(raw<uint32_t>(ids(100)), "'<u2'", "(200,)")).size() == 200);
  CHECK(read(npy(raw<uint32_t>(ids(100, 128256)), "'<u4'", shape), TokenFormat::uint16, 128256) ==
        ids(100, 128256));
}

TEST_CASE("a .npy file that is no row of token ids is refused by what it is") {
  const std::string two = raw<uint16_t>(ids(100));
  const auto refuses = [](const std::string& bytes, const char* what) {
    const std::string text = refusal(bytes);
    CHECK_MESSAGE(text.starts_with("data.train: the file t.bin "), text);
    CHECK_MESSAGE(contains(text, what), text);
  };
  refuses(npy(two, "'>u2'", "(100,)"), "has big-endian numbers (>u2)");
  refuses(npy(two, "'<f2'", "(100,)"), "has numbers of type <f2");
  refuses(npy(two, "'|b1'", "(200,)"), "has numbers of type |b1");
  refuses(npy(two, "[('a', '<u2')]", "(100,)"), "has records");
  refuses(npy(two, "'\x1b[31mred'", "(100,)"), "has records");
  refuses(npy(two, "''", "(100,)"), "has records");
  refuses(npy(two, "'<u2'", "(2, 5, 10)"), "has 3 axes, where tokens have one, or two");
  refuses(npy(two, "'<u2'", "()"), "has 0 axes");
  refuses(npy(two, "'<u2'", "(2, 49)"), "which declares 2 × 49 numbers of 2");
  refuses(npy(two, "'<u2'", "(0, 50)"), "which declares 0 × 50 numbers of 2");
  refuses(npy(two, "'<u2'", "(5, 0)"), "which declares 5 × 0 numbers of 2");
  refuses(npy(two, "'<u2'", "(4611686018427387954, 4)"), "which declares 4611686018427387954 × 4");
  refuses(npy(two, "'<u2'", "(2, 50)", "True"), "is in Fortran order");
  refuses(npy(two, "'<u2'", "(99,)"), "has 200 bytes after its header, which declares 99 numbers");
  refuses(npy(two, "'<u2'", "(18446744073709551615,)"), "which declares 18446744073709551615");
  refuses(npy(two, "'<u2'", "(99999999999999999999,)"), "has a .npy header without a shape");
  refuses(npy(two, "'<u2'", "(-100,)"), "has a .npy header without a shape");
  refuses(npy(two + "x", "'<u2'", "(100,)"), "has 201 bytes after its header");
  refuses(npy(raw<int32_t>({3, -1}), "'<i4'", "(2,)"), "token 1 is -1, below 0");
  refuses(npy(raw<int64_t>({3, int64_t{1} << 40}), "'<i8'", "(2,)"), "token 1 is 1099511627776");
  const std::string whole = npy(two, "'<u2'", "(100,)");
  for (size_t length = 6; length < whole.size(); ++length)
    REQUIRE(!refusal(whole.substr(0, length)).empty());
}

TEST_CASE("files of another format are refused by name, not read as tokens") {
  const std::string rest = raw<uint16_t>(ids(400));
  const auto refuses = [&](std::string_view begin, const char* what, std::string_view end = "") {
    const std::string text =
        refusal(std::string(begin) + rest + std::string(end), TokenFormat::uint16, 65536);
    CHECK_MESSAGE(contains(text, what), text);
  };
  refuses(raw<int32_t>({20240520, 1, 400}), "is a token file of llm.c, with a header");
  refuses(raw<int32_t>({20240801, 7, 400}), "tail -c +1025");
  refuses("\x89HDF\r\n\x1a\n", "is an HDF5 file");
  refuses("PK\x03\x04", "is a zip archive, as .npz");
  refuses("\x1f\x8b\x08\x00\x11\x22\x33\x44\x00\x03"sv, "is compressed (gzip)");
  refuses("\x28\xb5\x2f\xfd", "is compressed (zstd)");
  refuses("\xfd\x37zXZ\x00"sv, "is compressed (xz)");
  refuses("BZh91AY&SY", "is compressed (bzip2)");
  refuses("\x89PNG\r\n\x1a\n", "is a PNG image");
  refuses("PAR1", "is a Parquet file");
  refuses("\x80\x04\x95\x20\x03\x00\x00\x00\x00\x00\x00"sv, "is a Python pickle", ".");
  refuses("\x80\x02]q", "is a Python pickle", "u.");
  refuses("\x0e\x00\x00\x00\x00\x00\x00\x00{\"a\":{\"b\":[]}}"sv, "is a safetensors file");
  std::string text;
  while (text.size() < 500) text += "It was the best of times.\n";
  CHECK(contains(refusal(text), "is text. For text there is data.kind: text."));
  CHECK(contains(refusal(text, TokenFormat::uint32, 1 << 30), "is text"));
  // A token that begins as a pickle or an archive does is a token still.
  for (const int64_t first : {0x0280, 0x0480, 0x8b1f, 0x4b50, 0x5089}) {
    std::vector<int64_t> tokens = ids(99);
    tokens.insert(tokens.begin(), first);
    CHECK(read(raw<uint16_t>(tokens)) == tokens);
  }
}

TEST_CASE("both files of tokens are read alike, and a bad one is known before training") {
  const TemporaryFolder folder;
  put_bytes(folder / "a.npy", npy(raw<uint16_t>(ids(100)), "'<u2'", "(100,)"));
  put_bytes(folder / "b.bin", raw<uint32_t>(ids(100)));
  const std::string a = (folder / "a.npy").string(), b = (folder / "b.bin").string();
  const auto data = open_with("tokens", {{"train", a}, {"validation", b}, {"format", "uint32"}}, 8);
  Batch batch;
  batch.resize(2, 8);
  data->batch(0, Split::validation, 0, batch);
  for (int64_t i = 0; i < 16; ++i) CHECK(batch.inputs[i] == ids(100)[i]);

  std::ofstream(folder / "c.yaml")
      << "data: {kind: tokens, train: " << a << ", validation: " << b << "}\nmodel: {context: 8}\n";
  const std::string config = (folder / "c.yaml").string();
  const Ended bad = run_program({"config", "check", config});
  CHECK(bad.status == 2);
  CHECK_MESSAGE(contains(bad.output, "c.yaml:1:"), bad.output);
  CHECK(contains(bad.output, "data.validation: the file " + b));
  CHECK(run_program({"config", "check", config, "data.format=uint32"}).status == 0);
}

}  // namespace waiver
