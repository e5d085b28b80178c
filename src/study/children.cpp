#include "study/children.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>

#include "core/error.h"
#include "core/signals.h"
#include "core/stop.h"

namespace waiver {
namespace {

constexpr int kPatience = 100;  // milliseconds after which a request to stop is looked for

[[noreturn]] void become(int output, pid_t parent, char* const* command) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  restore_signals();
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(command[0], command);
  _exit(127);
}

/// A process whose output, errors included, is read line by line.
class Child {
 public:
  Child(size_t task, int64_t threads, std::vector<std::string> command)
      : task_(task), threads_(threads) {
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      throw Error(command[0], "the system cannot provide a pipe to another process");
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ == 0) become(ends[1], parent, words.data());
    close(ends[1]);
    output_ = ends[0];
    if (process_ < 0) {
      close(output_);
      throw Error(command[0], "the system cannot start another process");
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    stop();
    wait();
    close(output_);
  }

  size_t task() const { return task_; }
  int64_t threads() const { return threads_; }
  int output() const { return output_; }

  void stop() {
    if (process_ > 0) kill(process_, SIGTERM);
  }

  // Passes on the lines that have come; false once there will be no more.
  template <class F>
  bool read_lines(const F& line) {
    char bytes[4096];
    const ssize_t n = read(output_, bytes, sizeof bytes);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    text_.append(bytes, static_cast<size_t>(n));
    if (n == 0 && !text_.empty()) text_ += '\n';
    for (size_t end; (end = text_.find('\n')) != text_.npos; text_.erase(0, end + 1)) {
      if (end > 0) last_ = text_.substr(0, end);
      line(text_.substr(0, end));
    }
    return n > 0;
  }

  ChildEnd wait() {
    int status = 0;
    if (process_ > 0 && waitpid(process_, &status, 0) == process_)
      end_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    process_ = -1;
    return {end_, last_};
  }

 private:
  size_t task_;
  int64_t threads_;
  pid_t process_ = -1;
  int output_ = -1, end_ = 0;
  std::string text_, last_;
};

class Pool {
 public:
  explicit Pool(const ChildTasks& tasks) : tasks_(tasks), free_(tasks.threads) {}

  void run() {
    while (next_ < tasks_.count || !working_.empty()) {
      if (stop_requested()) break;
      while (next_ < tasks_.count && std::ssize(working_) < tasks_.side_by_side) start();
      serve();
    }
    if (!stop_requested()) return;
    for (const auto& child : working_) child->stop();
    while (!working_.empty()) serve();
    check_stop();
  }

 private:
  void start() {
    const int64_t places = tasks_.side_by_side - std::ssize(working_);
    const int64_t left = static_cast<int64_t>(tasks_.count - next_);
    const int64_t threads = std::max<int64_t>(1, free_ / std::min(places, left));
    working_.push_back(std::make_unique<Child>(next_, threads, tasks_.command(next_, threads)));
    free_ -= threads;
    ++next_;
  }

  void serve() {
    std::vector<pollfd> ready;
    for (const auto& child : working_) ready.push_back({child->output(), POLLIN, 0});
    if (poll(ready.data(), ready.size(), kPatience) <= 0) return;
    for (size_t i = ready.size(); i-- > 0;) {
      if (ready[i].revents == 0) continue;
      Child& child = *working_[i];
      const auto wrote = [&](const std::string& line) { tasks_.wrote(child.task(), line); };
      if (child.read_lines(wrote)) continue;
      const ChildEnd end = child.wait();
      free_ += child.threads();
      const size_t task = child.task();
      working_.erase(working_.begin() + static_cast<std::ptrdiff_t>(i));
      tasks_.ended(task, end);
    }
  }

  const ChildTasks& tasks_;
  std::vector<std::unique_ptr<Child>> working_;
  size_t next_ = 0;
  int64_t free_;
};

}  // namespace

void run_children(const ChildTasks& tasks) { Pool(tasks).run(); }

}  // namespace waiver
