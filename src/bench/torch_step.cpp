#include "bench/torch_step.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <sstream>

#include "core/error.h"
#include "core/files/json.h"
#include "core/signals.h"
#include "core/stop.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr char kScript[] =
#include "source_folder.inc"
    "/scripts/torch_step.py";

std::string description(const Workload& w) {
  const ModelConfig& m = w.model;
  return json_text({{"layers", m.layers},
                    {"heads", m.heads},
                    {"width", m.width},
                    {"context", m.context},
                    {"mlp", m.mlp.width},
                    {"activation", m.mlp.kind.name()},
                    {"attention_bias", m.attention.bias},
                    {"mlp_bias", m.mlp.bias},
                    {"tied", m.output.tied},
                    {"vocabulary", w.vocabulary},
                    {"batch", w.train.batch},
                    {"threads", threads()}});
}

}  // namespace

TorchStep::Process::~Process() {
  kill(id, SIGTERM);  // it may be in the middle of a step
  waitpid(id, nullptr, 0);
}

TorchStep::TorchStep(const Workload& workload) {
  const std::string model = description(workload);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error("--compare", "the system cannot provide a connection to another process");
  connection_.reset(fdopen(ends[0], "r"));
  const pid_t child = fork();
  if (child == 0) {
    restore_signals();
    dup2(ends[1], STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    execl(kScript, kScript, model.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  if (child < 0) throw Error("--compare", "the system cannot start another process");
  process_ = std::make_unique<Process>(child);
  const std::string answer = read_line();
  if (answer.empty()) throw UsageError("--compare", fmt::format("{} does not start", kScript));
  std::istringstream words(answer);
  std::string first;
  if (words >> first; first != "ready")
    throw UsageError("--compare", answer, "On Debian: apt-get install python3-torch libopenblas0.");
  words >> version_ >> gemm_rate_;
}

double TorchStep::step() {
  constexpr std::string_view ask = "step\n";
  send(fileno(connection_.get()), ask.data(), ask.size(), MSG_NOSIGNAL);
  const std::string answer = read_line();
  if (answer.empty()) throw Error("--compare", "PyTorch ended before its step did");
  return std::strtod(answer.c_str(), nullptr);
}

std::string TorchStep::read_line() {
  // An answer is one line, so no part of the next one is left in a buffer.
  pollfd answer = {fileno(connection_.get()), POLLIN, 0};
  while (poll(&answer, 1, 100) == 0) check_stop();
  char line[512];
  if (!std::fgets(line, sizeof line, connection_.get())) return "";
  std::string out = line;
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace waiver
