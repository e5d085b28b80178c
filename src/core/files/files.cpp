#include "core/files/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "core/error.h"
#include "core/files/descriptor.h"
#include "core/memory.h"
#include "core/stop.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

std::string hint_for_write(int code) {
  if (code == ENOSPC) return "Free some space on this disk; the previous contents are untouched.";
  if (code == EDQUOT) return "Your disk quota is used up; the previous contents are untouched.";
  if (code == EFBIG) return "Raise the file size limit (ulimit -f); the old file is untouched.";
  if (code == EACCES || code == EROFS) return "Choose a folder that you may write to.";
  return {};
}

[[noreturn]] void refuse_length(const fs::path& path, int64_t most) {
  throw Error(path.string(),
              fmt::format("it holds more than {:.1f} MiB, the most that is read here",
                          static_cast<double>(most) / (1 << 20)));
}

void wait_for_bytes(const fs::path& path, int fd) {
  constexpr int seconds = 10, slice = 100;  // milliseconds, after which a stop is heeded
  pollfd pipe{fd, POLLIN, 0};
  for (int waited = 0; ::poll(&pipe, 1, slice) <= 0; waited += slice) {
    check_stop();
    if (waited >= 1000 * seconds)
      throw Error(path.string(),
                  fmt::format("nothing has come through this pipe for {} seconds", seconds),
                  "Start the program that writes to it, or give a file.");
  }
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool write_new_file(const fs::path& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  return file.get() >= 0 && write_all(file.get(), bytes) && ::fsync(file.get()) == 0 &&
         file.close();
}

void check(const std::error_code& code, const fs::path& path, const std::string& what) {
  if (code) fail_with_code(path, what, code.value(), hint_for_write(code.value()));
}

}  // namespace

std::string read_file(const fs::path& path, int64_t most) {
  struct stat info {};
  const Descriptor file = open_to_read(path, info);
  if (most == 0) most = memory_limit();
  if (info.st_size > most) refuse_length(path, most);
  std::string bytes;
  bytes.reserve(static_cast<size_t>(info.st_size));
  char part[1 << 16];
  for (;;) {
    check_stop();
    if (S_ISFIFO(info.st_mode)) wait_for_bytes(path, file.get());
    const ssize_t n = ::read(file.get(), part, sizeof part);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) fail_with_code(path, "cannot be read", errno);
    if (n == 0) return bytes;
    if (std::ssize(bytes) > most - n) refuse_length(path, most);
    bytes.append(part, static_cast<size_t>(n));
  }
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  ignore_file_size_signal();
  const fs::path temporary = temporary_of(path);
  if (!write_new_file(temporary, bytes) || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    fail_with_code(path, "cannot be written", code, hint_for_write(code));
  }
  sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

fs::path temporary_of(const fs::path& path) {
  fs::path out = path;
  return out += ".waiver-tmp";
}

void sync_folder(const fs::path& folder) {
  Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() < 0) fail_with_code(folder, "cannot be opened", errno);
  // EINVAL: the file system does not support it.
  if (::fsync(file.get()) != 0 && errno != EINVAL)
    fail_with_code(folder, "cannot be flushed to the disk", errno);
}

void make_folder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  check(code, folder, "this folder cannot be created");
}

void move_path(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  check(code, from, "cannot be renamed to " + to.string());
}

void remove_path(const fs::path& path) {
  std::error_code code;
  fs::remove(path, code);
  check(code, path, "cannot be removed");
}

void remove_if_empty(const fs::path& folder) {
  if (::rmdir(folder.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT &&
      errno != ENOTDIR)
    fail_with_code(folder, "cannot be removed", errno);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code))
    entries.push_back(it->path());
  if (code != std::errc::no_such_file_or_directory)
    check(code, folder, "this folder cannot be read");
  std::ranges::sort(entries);
  return entries;
}

void ignore_file_size_signal() {
  [[maybe_unused]] static const auto once = std::signal(SIGXFSZ, SIG_IGN);
}

uint32_t crc32_of(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<uint32_t>(::crc32_z(::crc32_z(0, nullptr, 0), data, bytes.size()));
}

}  // namespace waiver
