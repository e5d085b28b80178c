#include "study/index.h"

#include <algorithm>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"

namespace waiver {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& folder) {
  throw Error((folder / SweepIndex::kName).string(),
              "this is not a list of a sweep's runs, so it is damaged",
              "Put the right one back, or sweep into another folder with --out.");
}

}  // namespace

SweepIndex SweepIndex::read(const std::filesystem::path& folder) try {
  const Json json = parse_json(read_file(folder / kName));
  SweepIndex index{json.at("title"), json.at("question"), {}, {}};
  constexpr size_t kLongest = 4096;
  for (const Json& run : json.at("runs")) {
    index.runs.push_back({run.at("name"), run.at("group"), run.at("seed")});
    if (std::max(index.runs.back().name.size(), index.runs.back().group.size()) > kLongest)
      refuse(folder);
  }
  index.published = json.value("published", Json());
  return index;
} catch (const Json::exception&) {
  refuse(folder);
}

std::string SweepIndex::to_json() const {
  Json json = {{"title", title}, {"question", question}, {"runs", Json::array()}};
  for (const Run& run : runs)
    json["runs"].push_back({{"name", run.name}, {"group", run.group}, {"seed", run.seed}});
  if (!published.is_null()) json["published"] = published;
  return json_lines(json);
}

bool is_sweep(const std::filesystem::path& path) {
  return std::filesystem::exists(path / SweepIndex::kName);
}

}  // namespace waiver
