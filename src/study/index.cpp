#include "study/index.h"

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"

namespace waiver {

SweepIndex SweepIndex::read(const std::filesystem::path& folder) try {
  const Json json = parse_json(read_file(folder / kName));
  SweepIndex index{json.at("title"), json.at("question"), {}};
  for (const Json& run : json.at("runs"))
    index.runs.push_back({run.at("name"), run.at("group"), run.at("seed")});
  return index;
} catch (const Json::exception&) {
  throw Error((folder / kName).string(), "this is not a list of a sweep's runs, so it is damaged",
              "Put the right one back, or sweep into another folder with --out.");
}

void SweepIndex::write(const std::filesystem::path& folder) const {
  Json json = {{"title", title}, {"question", question}, {"runs", Json::array()}};
  for (const Run& run : runs)
    json["runs"].push_back({{"name", run.name}, {"group", run.group}, {"seed", run.seed}});
  write_json(folder / kName, json);
}

bool is_sweep(const std::filesystem::path& path) {
  return std::filesystem::exists(path / SweepIndex::kName);
}

}  // namespace waiver
