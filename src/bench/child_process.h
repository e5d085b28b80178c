#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/json.h"

namespace waiver {

/// Another process that answers each line that it reads with a line of JSON; what it writes to
/// standard error is dropped. It is ended, with what it has started, when this is destroyed.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> command);

  /// The object in the next line that it writes; empty where it ends without one.
  Json answer();
  Json ask(std::string_view line);

 private:
  struct Group {
    pid_t id;
    explicit Group(pid_t process) : id(process) {}
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    ~Group();
  };
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<Group> group_;  // outlives the connection
  std::unique_ptr<std::FILE, Close> connection_;
};

}  // namespace waiver
