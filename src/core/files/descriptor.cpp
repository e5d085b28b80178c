#include "core/files/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/error.h"

namespace waiver {
namespace fs = std::filesystem;

bool Descriptor::close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

void fail_with_code(const fs::path& path, const std::string& what, int code,
                    const std::string& hint) {
  throw Error(path.string(), what + ": " + std::generic_category().message(code), hint);
}

Descriptor open_to_read(const fs::path& path, struct stat& info) {
  // Non-blocking: a pipe that nobody writes to would block the program for ever.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail_with_code(path, "cannot be opened", errno);
  if (::fstat(file.get(), &info) != 0) fail_with_code(path, "cannot be read", errno);
  if (S_ISDIR(info.st_mode)) throw Error(path.string(), "this is a folder, not a file");
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
    throw Error(path.string(), "this is a device, not a file");
  return file;
}

}  // namespace waiver
