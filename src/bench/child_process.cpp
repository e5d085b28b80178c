#include "bench/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/error.h"
#include "core/signals.h"
#include "core/stop.h"

namespace waiver {
namespace {

[[noreturn]] void become(int connection, char* const* command) {
  setpgid(0, 0);
  restore_signals();
  dup2(connection, STDIN_FILENO);
  dup2(connection, STDOUT_FILENO);
  dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
  execv(command[0], command);
  _exit(127);
}

}  // namespace

ChildProcess::Group::~Group() {
  kill(-id, SIGTERM);  // it may be in the middle of an answer
  waitpid(id, nullptr, 0);
}

ChildProcess::ChildProcess(std::vector<std::string> command) {
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(command[0], "the system cannot provide a connection to another process");
  connection_.reset(fdopen(ends[0], "r"));
  const pid_t child = fork();
  if (child == 0) become(ends[1], words.data());
  close(ends[1]);
  if (child < 0) throw Error(command[0], "the system cannot start another process");
  setpgid(child, child);  // here too: the group must exist before it can be ended
  group_ = std::make_unique<Group>(child);
}

Json ChildProcess::answer() {
  // An answer is one line, so no part of the next one is left in a buffer.
  pollfd ready = {fileno(connection_.get()), POLLIN, 0};
  while (poll(&ready, 1, 100) == 0) check_stop();
  std::string line;
  for (int c; (c = std::getc(connection_.get())) != EOF && c != '\n';) line += static_cast<char>(c);
  const Json json = parse_json(line);
  return json.is_object() ? json : Json::object();
}

Json ChildProcess::ask(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  send(fileno(connection_.get()), text.data(), text.size(), MSG_NOSIGNAL);
  return answer();
}

}  // namespace waiver
