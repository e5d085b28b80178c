#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

/// What a run of the program printed and how it ended.
struct Ended {
  int status = -1;   // exit status; 128 + n for signal n
  int64_t peak = 0;  // the most memory that it had, in bytes
  std::string output;
};

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The program under test as a separate process; its output goes to a file.
class Program {
 public:
  struct Limits {
    rlim_t file_size = RLIM_INFINITY;    // bytes that one file may have
    std::function<void()> prepare = {};  // further preparation before the program starts
  };
  explicit Program(std::vector<std::string> arguments) : Program(std::move(arguments), Limits{}) {}
  Program(std::vector<std::string> arguments, Limits limits) {
    arguments.insert(arguments.begin(), WAIVER_BINARY);
    std::vector<char*> raw;
    for (std::string& a : arguments) raw.push_back(a.data());
    raw.push_back(nullptr);
    std::string name = std::filesystem::temp_directory_path() / "waiver-output-XXXXXX";
    const int out = mkstemp(name.data());
    output_ = name;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
      const rlimit limit = {limits.file_size, limits.file_size};
      setrlimit(RLIMIT_FSIZE, &limit);
      if (limits.prepare) limits.prepare();
      execv(WAIVER_BINARY, raw.data());
      _exit(127);
    }
    close(out);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    wait();
    std::filesystem::remove(output_);
  }

  void signal(int number) const { kill(pid_, number); }
  const Ended& wait() {
    reap(0);
    return ended_;
  }
  /// Waits until the file exists, or the program has ended without it.
  bool makes(const std::filesystem::path& file) {
    while (!std::filesystem::exists(file) && !reap(WNOHANG)) usleep(1000);
    return std::filesystem::exists(file);
  }
  /// Waits until it has printed `text`, or has ended without it.
  bool prints(const std::string& text) {
    const auto found = [&] { return file_text(output_).find(text) != std::string::npos; };
    while (!found() && !reap(WNOHANG)) usleep(1000);
    return found();
  }

 private:
  // Whether the program has ended.
  bool reap(int how) {
    int status = 0;
    rusage used{};
    if (ended_.status < 0 && wait4(pid_, &status, how, &used) == pid_) {
      ended_.peak = int64_t{used.ru_maxrss} * 1024;
      ended_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ended_.output = file_text(output_);
    }
    return ended_.status >= 0;
  }

  pid_t pid_;
  std::filesystem::path output_;
  Ended ended_;
};

inline Ended run_program(std::vector<std::string> arguments, Program::Limits limits = {}) {
  return Program(std::move(arguments), limits).wait();
}
