#include "run/identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/digest.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/files/json.h"

namespace waiver {
namespace {

constexpr char kRunFormat[] = "waiver run 1";
constexpr char kStartKey[] = "train.from";

Json as_json(const DataRecord& record) {
  Json files = Json::array();
  for (const DataFile& f : record.files)
    files.push_back({{"key", f.key}, {"path", f.path}, {"bytes", f.bytes}, {"sha256", f.sha256}});
  return {{"files", files}, {"tokens", record.words}};
}

DataRecord from_json(const Json& json) {
  DataRecord record;
  for (const Json& f : json.at("files"))
    record.files.push_back({f.at("key"), f.at("path"), f.at("bytes"), f.at("sha256")});
  record.words = json.at("tokens").get<std::vector<std::string>>();
  return record;
}

// Applies `read` to a JSON text; whatever is wrong with it becomes one sentence.
template <class F>
auto parsed(const std::string& text, const std::string& where, const F& read) {
  try {
    return read(parse_json(text));
  } catch (const Json::exception&) {
    throw Error(where, "it does not say which run this is, so it is damaged or another program's");
  }
}

const DataFile* find(const DataRecord& record, const std::string& key) {
  const auto at = std::ranges::find(record.files, key, &DataFile::key);
  return at == record.files.end() ? nullptr : &*at;
}

bool names_other_kind(std::span<const std::string> overrides) {
  return std::ranges::any_of(overrides, [](const std::string& text) {
    return text.starts_with("data=") || text.starts_with("data.kind=");
  });
}

std::string described(const DataFile& file) {
  return fmt::format("{} bytes, SHA-256 {}…", file.bytes, file.sha256.substr(0, 12));
}

}  // namespace

DataRecord DataRecord::of(const Dataset& data) { return {data.files(), data.words()}; }

DataRecord DataRecord::parse(const std::string& json, const std::string& where) {
  return parsed(json, where, from_json);
}

std::string DataRecord::to_json() const { return json_text(as_json(*this)); }

bool names_anew(std::span<const std::string> overrides, std::string_view key) {
  const std::string last = fmt::format("{}:", key.substr(key.rfind('.') + 1));
  return std::ranges::any_of(overrides, [&](const std::string& text) {
    return text.starts_with(fmt::format("{}=", key)) ||
           (text.starts_with("data=") && text.find(last) != text.npos);
  });
}

bool names_anew(std::span<const std::string> overrides, const DataRecord& record) {
  return names_other_kind(overrides) || std::ranges::any_of(record.files, [&](const DataFile& f) {
           return names_anew(overrides, f.key);
         });
}

void check_same_data(const DataRecord& before, const DataRecord& now,
                     std::span<const std::string> overrides, const std::string& where) {
  for (const DataFile& was : before.files) {
    const DataFile* is = find(now, was.key);
    if (names_anew(overrides, was.key) || (!is && names_other_kind(overrides))) continue;
    if (is && is->sha256 == was.sha256) continue;
    const std::string found = is ? described(*is) : "no such file";
    const std::string hint =
        was.key.empty() ? "Use the program that trained it."
        : was.key == kStartKey
            ? "Put that file back: a run goes on with what it began with."
            : fmt::format(
                  "Put that file back, or name other data with {}=FILE when inspecting "
                  "a trained model: tokens are then matched by their strings.",
                  was.key);
    throw UsageError(was.key.empty() ? where : was.key,
                     fmt::format("{} is not what {} was trained on: that had {}, this has {}",
                                 is ? is->path : was.path, where, described(was), found),
                     hint);
  }
}

void check_same_words(const DataRecord& before, const DataRecord& now, const std::string& where) {
  if (now.words == before.words) return;
  const auto count = [](const DataRecord& record) {
    return record.words.empty() ? std::string("ids without strings")
                                : fmt::format("{} strings", record.words.size());
  };
  throw UsageError(
      "data",
      fmt::format("its tokens are not those of {}: the model knows {}, this data has {}", where,
                  count(before), count(now)),
      "Give data of the same kind of tokens.");
}

Config without_savers(const Config& config) {
  Config out = config;
  out.train.recompute = TrainConfig{}.recompute;
  return out;
}

std::string identity_of(const Config& config, const DataRecord& data) {
  Sha256 sum;
  sum.add(kRunFormat).add("\n").add(to_yaml(without_savers(config)));
  for (const DataFile& file : data.files) sum.add(file.key).add(" ").add(file.sha256).add("\n");
  return sum.digest();
}

IdentityFile IdentityFile::read(const std::filesystem::path& folder) {
  const std::string path = (folder / kName).string();
  return parsed(read_file(path), path, [&](const Json& json) {
    if (json.at("format") != kRunFormat)
      throw Error(path, "it does not belong to a run in this program's format");
    return IdentityFile{json.at("identity"), from_json(json.at("data"))};
  });
}

bool IdentityFile::is_own(const std::filesystem::path& folder) {
  return read_file(folder / kName).find(kRunFormat) != std::string::npos;
}

void IdentityFile::write(const std::filesystem::path& folder) const {
  const Json json = {{"format", kRunFormat}, {"identity", identity}, {"data", as_json(data)}};
  write_json(folder / kName, json);
}

}  // namespace waiver
