#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "core/files/descriptor.h"

namespace waiver {

/// A file that is read piece by piece and is never in memory whole. It is read, not mapped: when
/// someone shortens it meanwhile, a read says so, where touching a lost page ends the program.
class InputFile {
 public:
  /// Throws Error where it cannot be opened, or is a folder, a device or a pipe.
  explicit InputFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  /// In bytes, when it was opened.
  int64_t size() const { return size_; }
  /// Fills `out` with the bytes from `begin` on. Throws Error where the file no longer has them or
  /// the system fails, Stopped where a stop is due.
  void read(int64_t begin, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int64_t size_ = 0;
  Descriptor file_;
};

}  // namespace waiver
