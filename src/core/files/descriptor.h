#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>

namespace waiver {

/// An open file of the system, closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  /// Closes now, and says whether that went well: some file systems report a failed write only
  /// here.
  bool close();

 private:
  int fd_;  // -1: none
};

/// Throws Error: the path, what failed, and the system's reason.
[[noreturn]] void fail_with_code(const std::filesystem::path& path, const std::string& what,
                                 int code, const std::string& hint = {});

/// Opens a file or a pipe, without waiting for whoever writes to it. Throws Error for anything
/// else.
Descriptor open_to_read(const std::filesystem::path& path, struct stat& info);

}  // namespace waiver
