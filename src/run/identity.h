#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"

namespace waiver {

/// What a model learned from: the files of its data, by digest, and the strings of its tokens. It
/// is stored with the run and with every checkpoint.
struct DataRecord {
  std::vector<DataFile> files;
  std::vector<std::string> words;

  /// REQUIRES: `data` is open.
  static DataRecord of(const Dataset& data);
  /// {files: [{key, path, bytes, sha256}], tokens: [text, …]}; `where` is for error messages.
  static DataRecord parse(const std::string& json, const std::string& where);
  std::string to_json() const;
};

/// Whether one of these overrides names the file at `key`.
bool names_anew(std::span<const std::string> overrides, std::string_view key);
/// Whether they name any file of the record, or data of another kind.
bool names_anew(std::span<const std::string> overrides, const DataRecord& record);

/// Throws UsageError, naming the file, where `now` is not what `before` was read from; files that
/// the overrides replace are not compared. `where`: the run or checkpoint.
void check_same_data(const DataRecord& before, const DataRecord& now,
                     std::span<const std::string> overrides, const std::string& where);

/// Throws UsageError where the tokens of `now` are not the strings that a model of `before` knows.
void check_same_words(const DataRecord& before, const DataRecord& now, const std::string& where);

/// The config with the keys at their defaults that save time or memory and change no result.
Config without_savers(const Config& config);

/// What distinguishes one run from another: SHA-256 of the format, the resolved config without
/// savers, and the data's files. It depends on neither time nor chance.
std::string identity_of(const Config& config, const DataRecord& data);

/// The file that makes a folder a run's: {format, identity, data}.
struct IdentityFile {
  static constexpr char kName[] = "identity.json";

  std::string identity;
  DataRecord data;

  /// Throws Error where it is damaged; REQUIRES: it is there.
  static IdentityFile read(const std::filesystem::path& folder);
  void write(const std::filesystem::path& folder) const;
  /// Whether the one in `folder` was written by this program; REQUIRES: it is there.
  static bool is_own(const std::filesystem::path& folder);
};

}  // namespace waiver
