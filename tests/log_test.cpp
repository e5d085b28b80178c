#include "run/log_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/files/files.h"
#include "temporary.h"

using namespace waiver;

namespace {

const SeriesSpec kLoss = {"train", "loss", {}, "nat", "loss", "mean cross-entropy"};
const SeriesSpec kNorm = {"train", "grad_norm", {}, "1", "gradient norm", "before clipping"};
const SeriesSpec kAttention = {"probe", "attention", {"layer", "head", "key"}, "1", "α", "mean"};

Log new_log(const TemporaryFolder& folder, std::string_view name = "log.h5") {
  Log log = Log::create(folder / name, {{"layer", 2}, {"head", 3}, {"key", 4}, {"position", 4}},
                        "seed: {init: 0}\n");
  for (const SeriesSpec& spec : {kLoss, kNorm, kAttention}) log.define(spec);
  return log;
}

/// Rows of the steps begin, begin + 5, … below end.
void add_rows(Log& log, int64_t begin, int64_t end) {
  for (int64_t step = begin; step < end; step += 5) {
    const double loss = 4.0 / (1.0 + step), norm = step == 10 ? std::nan("") : 0.1 * step;
    std::vector<float> attention(24);
    for (size_t i = 0; i < attention.size(); ++i) attention[i] = static_cast<float>(step + i);
    log.append("train", step, {{"loss", std::span(&loss, 1)}, {"grad_norm", std::span(&norm, 1)}});
    log.append("probe", step, {{"attention", attention}});
  }
}

bool has_tool(const std::string& name) {
  return std::system(("command -v " + name + " > /dev/null 2>&1").c_str()) == 0;
}

}  // namespace

TEST_CASE("a log opened again has its config, axes, series and rows") {
  const TemporaryFolder folder;
  {
    Log log = new_log(folder);
    add_rows(log, 0, 20);
    log.flush();
  }
  const Log log = Log::open(folder / "log.h5");
  CHECK(log.config() == "seed: {init: 0}\n");
  CHECK(log.axes() == Log::Axes{{"layer", 2}, {"head", 3}, {"key", 4}, {"position", 4}});
  CHECK(log.groups() == std::vector<std::string>{"probe", "train"});
  CHECK(log.names("train") == std::vector<std::string>{"grad_norm", "loss"});
  CHECK(log.names("none").empty());
  CHECK(log.steps("train") == std::vector<int64_t>{0, 5, 10, 15});
  CHECK(log.steps("eval").empty());
  CHECK(log.read("train", "loss").values == std::vector<double>{4.0, 4.0 / 6, 4.0 / 11, 4.0 / 16});
  CHECK(std::isnan(log.read("train", "grad_norm").values[2]));
  const Log::Data attention = log.read("probe", "attention");
  CHECK(attention.shape == std::vector<int64_t>{4, 2, 3, 4});
  CHECK(attention.values[24 * 3 + 23] == 38.0);
  const Log::Data rows = log.read_rows("probe", "attention", 1, 2);
  CHECK(rows.shape == std::vector<int64_t>{1, 2, 3, 4});
  CHECK(rows.values[0] == 5.0);
  const SeriesSpec spec = log.spec("probe", "attention");
  CHECK(spec.axes == std::vector<std::string>{"step", "layer", "head", "key"});
  CHECK(spec.units == "1");
  CHECK(spec.long_name == "α");
  CHECK(spec.description == "mean");
}

TEST_CASE("a row is added whole or not at all") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 10);
  const double x = 1;
  const std::vector<double> two = {1, 2};
  auto error = [&](const std::string& group, int64_t step, const Log::Row& row) {
    return error_of([&] { log.append(group, step, row); });
  };
  const Log::Numbers one = std::span(&x, 1);
  CHECK(contains(error("train", 5, {{"loss", one}, {"grad_norm", one}}), "cannot follow"));
  CHECK(contains(error("train", 9, {{"loss", one}}), "the row of step 9 lacks 'grad_norm'"));
  CHECK(contains(error("train", 9, {{"loss", one}, {"los", one}}), "no series 'los'"));
  CHECK(contains(error("train", 9, {{"loss", one}, {"grad_norm", two}}), "2 were given"));
  CHECK(contains(error("train", 9, {{"loss", one}, {"loss", one}}), "given twice"));
  CHECK(contains(error("eval", 9, {{"loss", one}}), "log.h5:/eval: the log has no series"));
  CHECK(log.steps("train") == std::vector<int64_t>{0, 5});
  CHECK(log.read("train", "loss").shape == std::vector<int64_t>{2});
}

TEST_CASE("a series can be declared again, but not otherwise and not too late") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 10);
  log.define(kAttention);
  SeriesSpec spec = kAttention;
  spec.axes = {"layer", "key"};
  CHECK(contains(error_of([&] { log.define(spec); }), "now it has [step, layer, key]"));
  spec = {"train", "new", {}, "1", "", ""};
  CHECK(contains(error_of([&] { log.define(spec); }), "started without this series"));
  spec = {"probe2", "new", {"sequence"}, "1", "", ""};
  CHECK(contains(error_of([&] { log.define(spec); }), "no axis 'sequence', only head, key, layer"));
  CHECK_FALSE(log.has("probe2", "new"));
}

TEST_CASE("a log that is shrunk and continued equals one that never stopped") {
  const TemporaryFolder folder;
  Log straight = new_log(folder, "straight.h5");
  add_rows(straight, 0, 1000);
  straight.flush();
  {
    Log killed = new_log(folder, "resumed.h5");
    add_rows(killed, 0, 900);
    killed.flush();
  }
  Log resumed = Log::open(folder / "resumed.h5");
  resumed.shrink(500);
  CHECK(resumed.steps("train").back() == 495);
  CHECK(resumed.read("probe", "attention").shape[0] == 100);
  for (const SeriesSpec& spec : {kLoss, kNorm, kAttention}) resumed.define(spec);
  add_rows(resumed, 500, 1000);
  resumed.flush();
  for (const auto& [group, name] : {std::pair("train", "loss"), std::pair("probe", "attention")})
    CHECK(straight.read(group, name).values == resumed.read(group, name).values);
  CHECK(straight.steps("probe") == resumed.steps("probe"));
  if (!has_tool("h5diff")) {
    MESSAGE("skipped: h5diff is not installed");
    return;
  }
  // h5diff calls arrays of two shapes "not comparable" and exits with 0, so its words count too.
  auto difference = [&] {
    const std::string text = (folder / "text").string();
    const int status = std::system(("h5diff -c " + (folder / "straight.h5").string() + " " +
                                    (folder / "resumed.h5").string() + " > " + text)
                                       .c_str());
    return std::to_string(status) + read_file(text);
  };
  CHECK(difference() == "0");
  resumed.shrink(995);
  resumed.flush();
  CHECK(difference() != "0");
}

TEST_CASE("shrinking to before the first row empties every group, which can grow again") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 20);
  log.shrink(0);
  CHECK(log.steps("train").empty());
  CHECK(log.steps("probe").empty());
  add_rows(log, 0, 10);
  CHECK(log.steps("probe") == std::vector<int64_t>{0, 5});
}

TEST_CASE("fixed data is set and set again, and stays when rows are dropped") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 10);
  const std::vector<std::string> tokens = {"<s>", "a", " ", "ü"};
  log.set({"snapshot", "tokens", {"position"}, "1", "tokens", ""}, tokens);
  for (const double onset : {220.0, 260.0})
    log.set({"summary", "onset", {}, "step", "onset", ""}, std::span(&onset, 1));
  const std::vector<float> rates = {.1f, .2f};
  log.set({"summary", "rate", {"layer"}, "1", "", ""}, rates);
  log.set({"summary", "rate", {"layer"}, "1", "again", ""}, rates);
  const std::vector<int64_t> steps = {7, 8, 9};
  log.set({"summary", "steps", {"head"}, "step", "", ""}, steps);
  log.shrink(0);
  log.flush();
  const Log again = Log::open(folder / "log.h5");
  CHECK(again.strings("snapshot", "tokens") == tokens);
  CHECK(again.read("summary", "onset").values == std::vector<double>{260.0});
  CHECK(again.read("summary", "onset").shape.empty());
  CHECK(again.read("summary", "steps").values == std::vector<double>{7, 8, 9});
  CHECK(again.spec("summary", "rate").long_name == "again");
  CHECK(again.spec("summary", "rate").axes == std::vector<std::string>{"layer"});
  CHECK(contains(error_of([&] {
                   log.set({"summary", "rate", {"head"}, "", "", ""}, rates);
                 }),
                 "hold 3 values, 2 were given"));
  const std::vector<double> none;
  SeriesSpec taken = kLoss;
  taken.axes = {"layer"};
  CHECK(contains(error_of([&] { log.set(taken, rates); }), "a series of this name"));
}

TEST_CASE("equal logs have equal bytes") {
  const TemporaryFolder folder;
  for (const char* name : {"a.h5", "b.h5"}) {
    Log log = new_log(folder, name);
    add_rows(log, 0, 50);
    log.flush();
    if (name[0] == 'a') ::sleep(1);  // a time stamp would differ now
  }
  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
}

TEST_CASE("logs truncated, empty or foreign are refused by name") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 50);
  log.flush();
  const std::string good = read_file(folder / "log.h5");
  auto error = [&](std::string_view bytes) {
    put_bytes(folder / "bad.h5", bytes);
    const std::string text = error_of([&] { Log::open(folder / "bad.h5"); });
    CHECK(contains(text, "bad.h5: "));
    return text;
  };
  for (size_t length = 0; length < good.size(); length += 1 + good.size() / 100) {
    CAPTURE(length);
    error(std::string_view(good).substr(0, length));
  }
  CHECK(contains(error("step,loss\n0,4.2\n"), "not an HDF5 file"));
  CHECK(contains(error("\x89PNG\r\n\x1a\n" + std::string(900, 'x')), "not an HDF5 file"));
  H5File other = H5File::create(folder / "bad.h5");
  other.save();
  CHECK(contains(error_of([&] { Log::open(folder / "bad.h5"); }), "not the log of a run"));
  other.set_attribute("/", "format", std::string("waiver log"));
  other.set_attribute("/", "format_version", int64_t{99});
  other.save();
  CHECK(contains(error_of([&] { Log::open(folder / "bad.h5"); }), "format version is 99"));
}

TEST_CASE("a full disk leaves the log that was flushed before, and the next flush heals it") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 10);
  log.flush();
  add_rows(log, 10, 5000);
  std::string error;
  {
    const FullDisk full(std::filesystem::file_size(folder / "log.h5"));
    error = error_of([&] { log.flush(); });
  }
  CHECK(contains(error, "log.h5: cannot be written: File too large"));
  CHECK(folder.entries() == 1);
  CHECK(Log::open(folder / "log.h5").steps("train") == std::vector<int64_t>{0, 5});
  log.flush();
  CHECK(Log::open(folder / "log.h5").steps("train").size() == 1000);
}

TEST_CASE("h5dump reads a log and names every axis") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 20);
  log.flush();
  if (!has_tool("h5dump")) {
    MESSAGE("skipped: h5dump is not installed");
    return;
  }
  const std::string text = (folder / "text").string();
  REQUIRE(std::system(("h5dump " + (folder / "log.h5").string() + " > " + text).c_str()) == 0);
  const std::string dump = read_file(text);
  for (const char* part : {"DIMENSION_LIST", "DIMENSION_LABELS", "\"step\", \"layer\", \"head\"",
                           "H5S_UNLIMITED", "\"waiver log\"", "H5T_IEEE_F64LE", "H5T_IEEE_F32LE"})
    CHECK(contains(dump, part));
}

TEST_CASE("a log with any bit changed is refused before HDF5 sees it") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 50);
  log.flush();
  const std::string good = read_file(folder / "log.h5");
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 400) {
    CAPTURE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    put_bytes(folder / "bad.h5", bad);
    const std::string text = error_of([&] { Log::open(folder / "bad.h5"); });
    CHECK(contains(text, "bad.h5: "));
  }
}

TEST_CASE("a log from before logs had a checksum is still read") {
  const TemporaryFolder folder;
  const Log log = new_log(folder);
  CHECK(log.has_checksum());
  H5File older = H5File::create(folder / "older.h5");
  older.set_attribute("/", "format", std::string("waiver log"));
  older.set_attribute("/", "format_version", int64_t{1});
  older.save();
  CHECK_FALSE(Log::open(folder / "older.h5").has_checksum());
  CHECK(Log::open(folder / "older.h5").identity().empty());
}

TEST_CASE("the digest tells of every number before a step, and of nothing after it") {
  const TemporaryFolder folder;
  Log log = new_log(folder);
  add_rows(log, 0, 50);
  const std::string early = log.digest(20), late = log.digest(50);
  CHECK(early != late);
  Log other = new_log(folder, "other.h5");
  add_rows(other, 0, 30);
  CHECK(other.digest(20) == early);
  CHECK(other.digest(50) != late);
  log.flush();
  CHECK(Log::open(folder / "log.h5").digest(50) == late);
  Log cut = Log::open(folder / "log.h5");
  cut.shrink(20);
  CHECK(cut.digest(50) == early);
}
