#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/json.h"
#include "core/files/safetensors.h"

namespace waiver {

/// A published model, as Hugging Face's transformers saves it: a folder with config.json and either
/// model.safetensors or the files that model.safetensors.index.json assigns the tensors to. Where
/// both are there, the single file counts, as in transformers.
class HubFolder {
 public:
  /// Opens the folder and checks everything in it but the tensors' numbers. Throws UsageError with
  /// the file and the tensor where something is missing, damaged, hostile or contradicts the index.
  static HubFolder open(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return folder_; }
  /// What config.json holds: an object.
  const Json& config() const { return config_; }
  /// Of all tensors, sorted.
  std::vector<std::string> names() const;
  /// The tensor's shape and dtype, or null where there is none of this name.
  const SafetensorsEntry* find(std::string_view name) const;
  /// The file that has it, or an empty path.
  std::filesystem::path file_of(std::string_view name) const;
  /// Copies its numbers, as float32. Throws UsageError where there is no such tensor, where its
  /// dtype is another than F32, F16 or BF16, where a number is NaN or infinite, and where the file
  /// can no longer be read. REQUIRES: `out` has room for all.
  void read(std::string_view name, float* out) const;

 private:
  struct Place {
    size_t file = 0;
    const SafetensorsEntry* entry = nullptr;
  };

  explicit HubFolder(const std::filesystem::path& folder);
  void open_weights();
  void open_shards(const std::filesystem::path& index);
  void open_file(const std::filesystem::path& file);
  const Place* place(std::string_view name) const;

  std::filesystem::path folder_;
  Json config_;
  std::vector<Safetensors> files_;
  std::map<std::string, Place, std::less<>> tensors_;
};

}  // namespace waiver
