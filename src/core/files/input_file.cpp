#include "core/files/input_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/error.h"
#include "core/stop.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

Descriptor open_file(const fs::path& path, int64_t& size) {
  struct stat info {};
  Descriptor file = open_to_read(path, info);
  if (!S_ISREG(info.st_mode)) throw Error(path.string(), "this is a pipe, not a file");
  size = info.st_size;
  return file;
}

}  // namespace

InputFile::InputFile(fs::path path) : path_(std::move(path)), file_(open_file(path_, size_)) {}

void InputFile::read(int64_t begin, std::span<std::byte> out) const {
  constexpr size_t most = size_t{8} << 20;  // at once, so that a stop is heeded
  while (!out.empty()) {
    check_stop();
    const ssize_t n = ::pread(file_.get(), out.data(), std::min(out.size(), most), begin);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with_code(path_, "cannot be read", errno);
    if (n == 0) throw Error(path_.string(), "it has become shorter while it was read");
    out = out.subspan(static_cast<size_t>(n));
    begin += n;
  }
}

}  // namespace waiver
