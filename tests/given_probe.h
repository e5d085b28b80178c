#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "distance.h"
#include "program.h"
#include "run/log_file.h"
#include "temporary.h"

/// Probes of sequences that their user gives, as the program runs and prints them.
namespace waiver {

inline const std::string kModel =
    "model: {layers: 2, heads: 2, width: 16, context: 16, position: rope, mlp: {width: 24}}\n";

/// A folder with runs, and what a probe of them printed and wrote.
class Probed {
 public:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  int64_t entries() const { return folder_.entries(); }
  void put(const std::string& name, const std::string& bytes) const {
    put_bytes(folder_ / name, bytes);
  }
  void train(const std::string& data, const std::string& train = "",
             const std::string& model = kModel) const {
    put("c.yaml", model + "data: " + data + "\ntrain: {steps: 20, batch: 4, eval: {every: 0}" +
                      train + "}\nprobe: {every: 20, first: [], batch: 3}\n");
    const Ended ended = run_program({"train", path("c.yaml"), "--out", path("run")});
    REQUIRE_MESSAGE(ended.status == 0, ended.output);
  }
  Ended probe(std::vector<std::string> more) const {
    more.insert(more.begin(), {"probe", path("run")});
    return run_program(more);
  }
  /// The log of a probe that succeeds; `printed` is what it printed.
  Log log(std::vector<std::string> more) {
    more.insert(more.end(), {"--out", path("probe.h5"), "--overwrite"});
    const Ended ended = probe(more);
    REQUIRE_MESSAGE(ended.status == 0, ended.output);
    printed = ended.output;
    return Log::open(path("probe.h5"));
  }
  void refuses(const std::vector<std::string>& more, const std::string& message) const {
    std::vector<std::string> command = more;
    command.insert(command.end(), {"--out", path("none.h5")});
    const int64_t before = entries();
    const Ended ended = probe(command);
    CHECK(ended.status == 2);
    CHECK_MESSAGE(contains(ended.output, message), ended.output);
    CHECK(entries() == before);
  }

  std::string printed;

 private:
  TemporaryFolder folder_;
};

using Names = std::vector<std::string>;

inline std::string joined(const Names& pieces, size_t begin, size_t end) {
  std::string out;
  for (size_t i = begin; i < end; ++i) out += pieces[i];
  return out;
}

/// Every series of two probes is the same to the bit, and undefined in the first where it is among
/// `without`.
inline void check_same(const Log& given, const Log& natural, const Names& without = {}) {
  CHECK(given.names("probe") == natural.names("probe"));
  CHECK(given.strings("probe", "tokens") == natural.strings("probe", "tokens"));
  for (const std::string& name : natural.names("probe")) {
    if (name == "tokens") continue;
    CAPTURE(name);
    const std::vector<double> own = given.read("probe", name).values;
    if (std::ranges::count(without, name) > 0)
      CHECK(std::ranges::all_of(own, [](double x) { return std::isnan(x); }));
    else
      CHECK(same_numbers(own, natural.read("probe", name).values));
  }
}

/// The cells of the table along the sequence, by position.
inline std::map<int64_t, Names> table_of(const std::string& printed) {
  std::map<int64_t, Names> out;
  std::istringstream lines(printed.substr(printed.find("\nposition ") + 1));
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line) && line.starts_with("  ");) {
    std::istringstream in(line);
    const Names cells{std::istream_iterator<std::string>(in), {}};
    out[std::stoll(cells[0])] = cells;
  }
  return out;
}

inline const std::string kText =
    "A waiver is a place to put attention that is due to nothing in particular. ";
inline std::string text_of(int64_t times) {
  std::string out;
  for (int64_t i = 0; i < times; ++i) out += kText;
  return out;
}

}  // namespace waiver
