// How the rooms of src/ stand to each other: an include goes only downward, and never in a circle.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

// From the ground up; rooms of one floor know nothing of each other.
const std::vector<std::vector<std::string>> kFloors = {
    {"core"},         {"autograd"}, {"model", "data"}, {"train", "probe"}, {"config"},
    {"run", "bench"}, {"inspect"},  {"study"},         {"report"},         {"cli"}};

struct Source {
  std::string path;  // under src/
  int64_t lines = 0;
  std::vector<std::string> includes;  // those of src/

  std::string room() const { return path.substr(0, path.find('/')); }
  // A header and the file of its definitions are one thing.
  static std::string unit(const std::string& path) { return path.substr(0, path.rfind('.')); }
};

std::vector<Source> read_sources(const fs::path& root) {
  static const std::regex quoted("^#include \"([^\"]+)\".*");
  std::vector<Source> out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".h" && ending != ".cpp") continue;
    Source source{fs::relative(entry.path(), root).string(), 0, {}};
    std::ifstream file(entry.path());
    std::smatch match;
    for (std::string line; std::getline(file, line); ++source.lines)
      if (std::regex_match(line, match, quoted) && fs::exists(root / match[1].str()))
        source.includes.push_back(match[1]);
    out.push_back(std::move(source));
  }
  std::ranges::sort(out, {}, &Source::path);
  return out;
}

// -1: no room that is known.
int floor_of(const std::string& room) {
  for (size_t i = 0; i < kFloors.size(); ++i)
    if (std::ranges::find(kFloors[i], room) != kFloors[i].end()) return static_cast<int>(i);
  return -1;
}

std::vector<std::string> climbs(const std::vector<Source>& sources) {
  std::vector<std::string> out;
  for (const Source& source : sources) {
    if (floor_of(source.room()) < 0)
      out.push_back(fmt::format("{} lies in a room that kFloors does not name", source.path));
    for (const std::string& other : source.includes) {
      const std::string room = Source{other, 0, {}}.room();
      if (room != source.room() && floor_of(room) >= floor_of(source.room()))
        out.push_back(fmt::format("{} includes {}, which is not below it", source.path, other));
    }
  }
  return out;
}

// `a includes b`, for the include that closes a circle of units.
class Circles {
 public:
  explicit Circles(const std::vector<Source>& sources) {
    for (const Source& source : sources)
      for (const std::string& other : source.includes)
        if (const auto [from, to] = std::pair(Source::unit(source.path), Source::unit(other));
            from != to)
          includes_[from].insert(to);
    for (const auto& [unit, others] : includes_) visit(unit);
  }
  const std::vector<std::string>& found() const { return found_; }

 private:
  void visit(const std::string& unit) {
    if (!seen_.insert(unit).second) return;
    open_.insert(unit);
    for (const std::string& other : includes_[unit]) {
      if (open_.contains(other))
        found_.push_back(fmt::format("{} includes {}, which comes back to it", unit, other));
      visit(other);
    }
    open_.erase(unit);
  }

  std::map<std::string, std::set<std::string>> includes_;
  std::set<std::string> seen_, open_;
  std::vector<std::string> found_;
};

void check_none(const std::vector<std::string>& faults) {
  for (const std::string& fault : faults) FAIL_CHECK(fault);
}

const std::vector<Source>& sources() {
  static const std::vector<Source> all = read_sources(fs::path(WAIVER_SOURCE_DIR) / "src");
  return all;
}

}  // namespace

TEST_CASE("an include goes only downward") { check_none(climbs(sources())); }

TEST_CASE("no include comes back to where it started") { check_none(Circles(sources()).found()); }

TEST_CASE("no room has over a quarter of the lines, no folder over 40 files") {
  std::map<std::string, int64_t> lines, files;
  int64_t all = 0;
  for (const Source& source : sources()) {
    lines[source.room()] += source.lines;
    ++files[fs::path(source.path).parent_path().string()];
    all += source.lines;
  }
  REQUIRE(all > 10000);
  for (const auto& [room, count] : lines)
    CHECK_MESSAGE(4 * count <= all, fmt::format("{} has {} of {} lines", room, count, all));
  for (const auto& [folder, count] : files)
    CHECK_MESSAGE(count <= 40, fmt::format("{} has {} files", folder, count));
}

TEST_CASE("a climb and a circle are found, with both files") {
  CHECK(climbs({{"core/tensor.h", 1, {"cli/options.h"}}}) ==
        std::vector<std::string>{"core/tensor.h includes cli/options.h, which is not below it"});
  CHECK(climbs({{"model/a.h", 1, {"data/b.h"}}}).size() == 1);
  CHECK(climbs({{"attic/a.h", 1, {}}}).size() == 1);
  CHECK(climbs({{"cli/a.cpp", 1, {"core/b.h", "cli/c.h"}}}).empty());
  const Circles circle(
      {{"core/a.h", 1, {}}, {"core/a.cpp", 1, {"core/b.h"}}, {"core/b.h", 1, {"core/a.h"}}});
  CHECK(circle.found() ==
        std::vector<std::string>{"core/b includes core/a, which comes back to it"});
}
