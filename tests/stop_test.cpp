// A request to stop is heeded wherever the program is, and nothing is lost.
#include "core/stop.h"

#include "core/digest.h"
#include "core/files/files.h"
#include "core/signals.h"
#include "core/threads.h"
#include "data/token_file.h"
#include "inspect/published/import.h"
#include "runs.h"

using namespace waiver;

namespace {

const std::vector<std::string> kSteps = {"train.steps=400"};

std::vector<std::string> with(std::vector<std::string> all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// A program that starts while this lives gets signals that come too early a little later.
class Blocked {
 public:
  Blocked() {
    sigset_t all;
    sigemptyset(&all);
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1}) sigaddset(&all, signal);
    sigprocmask(SIG_BLOCK, &all, &before_);
  }
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;
  ~Blocked() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// Stops a run of 400 steps after some of them.
Ended interrupt(const Runs& runs, const std::string& name, const std::vector<int>& signals,
                const Program::Limits& limits = {}) {
  Program program(runs.command(name, kSteps), limits);
  REQUIRE(program.prints("step 41/400"));
  for (const int signal : signals) {
    program.signal(signal);
    usleep(10000);
  }
  return program.wait();
}

void check_saved(const Runs& runs, const std::string& name, const Ended& ended) {
  CAPTURE(ended.output);
  CHECK(ended.status == 3);
  CHECK(ended.output.find("the run was interrupted; its state is saved. --resume continues it.") !=
        std::string::npos);
  CHECK(file_text(runs.at(name) / "status").starts_with("stopped: step "));
}

void check_resumes(const Runs& runs, const std::string& name, const std::string& whole,
                   const Program::Limits& limits = {}) {
  REQUIRE(run_program(runs.command(name, with(kSteps, {"--resume"})), limits).status == 0);
  CHECK(weights(runs.at(name), 400) == weights(runs.at(whole), 400));
  CHECK(logged(runs.at(name)) == logged(runs.at(whole)));
  CHECK(file_text(runs.at(name) / "status") == "done\n");
}

// How the program ends that is asked to stop so many microseconds after its start.
Ended stop_after(useconds_t wait, std::vector<std::string> arguments, int signal) {
  const Blocked blocked;
  Program program(std::move(arguments));
  usleep(wait);
  program.signal(signal);
  return program.wait();
}

}  // namespace

TEST_CASE("INT, TERM, HUP and USR1 save the state, and the run resumes to the same bits") {
  const Runs runs;
  REQUIRE(runs.train("whole", kSteps).status == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    CAPTURE(signal);
    const std::string name = "stopped-" + std::to_string(signal);
    check_saved(runs, name, interrupt(runs, name, {signal}));
    check_resumes(runs, name, "whole");
  }
}

TEST_CASE("with AVX2 kernels too a stopped run resumes to the same bits") {
  const Runs runs;
  const Program::Limits avx2 = {.prepare = [] { setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1); }};
  REQUIRE(run_program(runs.command("whole", kSteps), avx2).status == 0);
  check_saved(runs, "stopped", interrupt(runs, "stopped", {SIGTERM}, avx2));
  check_resumes(runs, "stopped", "whole", avx2);
}

TEST_CASE("three signals at once are one request") {
  const Runs runs;
  REQUIRE(runs.train("whole", kSteps).status == 0);
  check_saved(runs, "stopped", interrupt(runs, "stopped", {SIGINT, SIGINT, SIGINT}));
  check_resumes(runs, "stopped", "whole");
}

TEST_CASE("a run that is stopped at its start, or once more while it resumes, loses nothing") {
  const Runs runs;
  REQUIRE(runs.train("whole", kSteps).status == 0);
  for (const useconds_t wait : {0, 20000, 40000, 80000}) {
    CAPTURE(wait);
    const std::string name = "early-" + std::to_string(wait);
    CHECK(stop_after(wait, runs.command(name, kSteps), SIGTERM).status == 3);
    check_resumes(runs, name, "whole");
  }
  check_saved(runs, "twice", interrupt(runs, "twice", {SIGTERM}));
  for (const useconds_t wait : {0, 40000})
    CHECK(stop_after(wait, runs.command("twice", with(kSteps, {"--resume"})), SIGHUP).status == 3);
  check_resumes(runs, "twice", "whole");
}

TEST_CASE("a signal that is ignored at the start, as under nohup, is not taken") {
  const Runs runs;
  const Ended ended =
      interrupt(runs, "run", {SIGHUP, SIGHUP}, {.prepare = [] { std::signal(SIGHUP, SIG_IGN); }});
  CHECK(ended.status == 0);
  CHECK(file_text(runs.at("run") / "status") == "done\n");
}

TEST_CASE("a second INT ends the process at once, a second TERM does not") {
  const pid_t child = fork();
  if (child == 0) {
    take_signals();
    for (;;) pause();
  }
  usleep(200000);
  for (const int signal : {SIGTERM, SIGINT, SIGTERM}) {
    kill(child, signal);
    usleep(signal == SIGINT ? 1100000 : 100000);
  }
  CHECK(waitpid(child, nullptr, WNOHANG) == 0);
  kill(child, SIGINT);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
}

TEST_CASE("a validation is left where it is") {
  const Runs runs;
  Program program(runs.command("run", {"train.eval.batches=100000000"}));
  REQUIRE(program.makes(runs.at("run") / "environment.json"));
  usleep(300000);
  program.signal(SIGUSR1);
  check_saved(runs, "run", program.wait());
}

TEST_CASE("eval, probe, sample and bench are left where they are, with a sentence and exit 3") {
  const Runs runs;
  REQUIRE(runs.train("run", {"train.steps=31"}).status == 0);
  const std::string run = runs.at("run").string(), out = runs.at("probed.h5").string();
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"eval", run, "train.eval.batches=100000000"},
                                             {"probe", run, "probe.batch=65536", "--out", out},
                                             {"sample", run, "--tokens", "16777216"},
                                             {"bench", "small", "--rounds", "10000"}}) {
    CAPTURE(verb[0]);
    const Ended ended = stop_after(300000, verb, SIGTERM);
    CHECK(ended.status == 3);
    CHECK(ended.output.find("stopped by SIGTERM before it was done.\n") != std::string::npos);
  }
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("sample writes each token as soon as it is drawn") {
  const Runs runs;
  REQUIRE(runs.train("run", {"train.steps=31"}).status == 0);
  Program program({"sample", runs.at("run").string(), "--prompt", "a", "--tokens", "16777216"});
  CHECK(program.prints("e"));
  program.signal(SIGTERM);
  CHECK(program.wait().status == 3);
}

TEST_CASE("the reading of large data is left between its parts") {
  const TemporaryFolder folder;
  const std::string path = (folder / "large.bin").string();
  std::ofstream(path) << "x";
  std::filesystem::resize_file(path, 1 << 20);
  const std::string bytes = read_file(path);
  const std::function<void()> ways[] = {
      [&] { read_file(path); }, [&] { Sha256().add(bytes); },
      [&] { parse_tokens("data.train", path, bytes, TokenFormat::uint16, 256); }};
  const pid_t child = fork();  // a request lasts as long as the process
  if (child == 0) {
    int left = 0;
    request_stop(SIGINT);
    for (const auto& way : ways) try {
        way();
      } catch (const Stopped&) {
        ++left;
      }
    _exit(left);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == std::ssize(ways));
}

TEST_CASE("an import that is to stop before it saves leaves nothing") {
  const TemporaryFolder folder;
  const std::string out = (folder / "run").string();
  const auto hub = HubFolder::open(WAIVER_SOURCE_DIR "/tests/published/fixtures/gpt_neox-hub");
  const ImportedModel imported = import_published(hub, {});
  const pid_t child = fork();  // a request lasts as long as the process
  if (child == 0) {
    request_stop(SIGINT);
    try {
      save_imported(imported, out, 0);
    } catch (const Stopped&) {
      _exit(std::filesystem::exists(out) ? 1 : 0);
    }
    _exit(2);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  save_imported(imported, out, 0);
  CHECK(std::filesystem::exists(out + "/checkpoints/step-00000000"));
}

TEST_CASE("a stopped sweep continues where it was, and a stopped run counts as neither") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\nset: {train: {steps: 400}}\nseeds: [0, 1]\n";
  const std::vector<std::string> command = {"sweep", runs.at("study.yaml").string(), "--out",
                                            runs.at("sweep").string()};
  Program program(command);
  REQUIRE(program.prints("seed=0 41/400"));
  program.signal(SIGHUP);
  const Ended& ended = program.wait();
  CHECK(ended.status == 3);
  CHECK(ended.output.find("its runs have saved their states. --resume continues it.") !=
        std::string::npos);
  CHECK(ended.output.find("failed") == std::string::npos);
  CHECK(file_text(runs.at("sweep") / "seed=0" / "status").starts_with("stopped: "));
  CHECK(!std::filesystem::exists(runs.at("sweep") / "seed=1"));
  CHECK(!std::filesystem::exists(runs.at("sweep") / "events.json"));
  const Ended resumed = run_program(with(command, {"--resume"}));
  CHECK(resumed.status == 0);
  CHECK(file_text(runs.at("sweep") / "seed=0" / "train.log").find("Resuming at step ") !=
        std::string::npos);
  for (const char* seed : {"seed=0", "seed=1"})
    CHECK(file_text(runs.at("sweep") / seed / "status") == "done\n");
}

TEST_CASE("a loop over tiles is left between tiles, but for what must be done as a whole") {
  const pid_t child = fork();  // a request lasts as long as the process
  if (child == 0) {
    int64_t done = 0;
    set_threads(1);
    try {
      parallel_tiles(10, [&](int64_t tile) {
        ++done;
        if (tile == 2) request_stop(SIGINT);
      });
    } catch (const Stopped&) {
      const Uninterrupted whole;
      parallel_tiles(10, [&](int64_t) { ++done; });
    }
    _exit(static_cast<int>(done));
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 13);
}
