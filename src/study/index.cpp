#include "study/index.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"

namespace waiver {

using Json = nlohmann::ordered_json;

SweepIndex SweepIndex::read(const std::filesystem::path& folder) try {
  const Json json = Json::parse(read_file(folder / kName));
  SweepIndex index{json.at("title"), json.at("question"), {}};
  for (const Json& run : json.at("runs"))
    index.runs.push_back({run.at("name"), run.at("group"), run.at("seed")});
  return index;
} catch (const nlohmann::json::exception&) {
  throw Error((folder / kName).string(), "this is no list of a sweep's runs, so it is damaged",
              "Put the right one back, or sweep into another folder with --out.");
}

void SweepIndex::write(const std::filesystem::path& folder) const {
  Json json = {{"title", title}, {"question", question}, {"runs", Json::array()}};
  for (const Run& run : runs)
    json["runs"].push_back({{"name", run.name}, {"group", run.group}, {"seed", run.seed}});
  write_atomically(folder / kName, json.dump(2) + "\n");
}

bool is_sweep(const std::filesystem::path& path) {
  return std::filesystem::exists(path / SweepIndex::kName);
}

}  // namespace waiver
