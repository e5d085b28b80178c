// A request to stop is heeded wherever the program is, and nothing is lost.
#include "core/stop.h"

#include "core/signals.h"
#include "core/threads.h"
#include "runs.h"

using namespace waiver;

namespace {

const std::vector<std::string> kSteps = {"train.steps=400"};

std::vector<std::string> with(std::vector<std::string> all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// The program starts with the signals blocked, so that one which comes too early waits for it.
void block_signals() {
  sigset_t all;
  sigemptyset(&all);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1}) sigaddset(&all, signal);
  sigprocmask(SIG_BLOCK, &all, nullptr);
}

// Stops a run of 400 steps after some of them.
Ended stop(const Runs& runs, const std::string& name, const std::vector<int>& signals,
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

// Whatever `arguments` start never ends by itself in time, and stops when it is asked to.
Ended stop_soon(std::vector<std::string> arguments, int signal) {
  Program program(std::move(arguments), {.prepare = block_signals});
  usleep(300000);
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
    check_saved(runs, name, stop(runs, name, {signal}));
    check_resumes(runs, name, "whole");
  }
}

TEST_CASE("with AVX2 kernels too a stopped run resumes to the same bits") {
  const Runs runs;
  const Program::Limits avx2 = {.prepare = [] { setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1); }};
  REQUIRE(run_program(runs.command("whole", kSteps), avx2).status == 0);
  check_saved(runs, "stopped", stop(runs, "stopped", {SIGTERM}, avx2));
  check_resumes(runs, "stopped", "whole", avx2);
}

TEST_CASE("three signals at once are one request") {
  const Runs runs;
  REQUIRE(runs.train("whole", kSteps).status == 0);
  check_saved(runs, "stopped", stop(runs, "stopped", {SIGINT, SIGINT, SIGINT}));
  check_resumes(runs, "stopped", "whole");
}

TEST_CASE("a run that is stopped before it trains, or once more while it resumes, is as it was") {
  const Runs runs;
  REQUIRE(runs.train("whole", kSteps).status == 0);
  Program early(runs.command("early", kSteps), {.prepare = block_signals});
  REQUIRE(early.makes(runs.at("early") / "status"));
  early.signal(SIGTERM);
  CHECK(early.wait().status == 3);
  check_resumes(runs, "early", "whole");

  check_saved(runs, "twice", stop(runs, "twice", {SIGTERM}));
  Program again(runs.command("twice", with(kSteps, {"--resume"})), {.prepare = block_signals});
  again.signal(SIGHUP);
  CHECK(again.wait().status == 3);
  check_resumes(runs, "twice", "whole");
}

TEST_CASE("a signal that is ignored at the start, as under nohup, is not taken") {
  const Runs runs;
  const Ended ended = stop(runs, "run", {SIGHUP, SIGHUP},
                           {.prepare = [] { std::signal(SIGHUP, SIG_IGN); }});
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
  REQUIRE(runs.train("run", {"train.steps=2"}).status == 0);
  const std::string run = runs.at("run").string(), out = runs.at("probed.h5").string();
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"eval", run, "train.eval.batches=100000000"},
                                             {"probe", run, "probe.batch=200000", "--out", out},
                                             {"sample", run, "--tokens", "16777216"},
                                             {"bench", "small", "--rounds", "10000"}}) {
    CAPTURE(verb[0]);
    const Ended ended = stop_soon(verb, SIGTERM);
    CHECK(ended.status == 3);
    CHECK(ended.output.find("stopped by SIGTERM before it was done.\n") != std::string::npos);
  }
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("a stopped sweep goes on where it was, and what was stopped counts as neither") {
  const Runs runs;
  std::ofstream(runs.at("study.yaml"))
      << "title: A study\nbase: tiny.yaml\nset: {train: {steps: 400}}\nseeds: [0, 1]\n";
  const std::vector<std::string> command = {"sweep", runs.at("study.yaml").string(), "--out",
                                            runs.at("sweep").string()};
  Program program(command);
  REQUIRE(program.prints("step 41/400"));
  program.signal(SIGHUP);
  const Ended& ended = program.wait();
  CHECK(ended.status == 3);
  CHECK(ended.output.find("its state is saved. --resume continues it.") != std::string::npos);
  CHECK(ended.output.find("failed") == std::string::npos);
  CHECK(file_text(runs.at("sweep") / "seed=0" / "status").starts_with("stopped: "));
  CHECK(!std::filesystem::exists(runs.at("sweep") / "seed=1"));
  CHECK(!std::filesystem::exists(runs.at("sweep") / "events.json"));
  const Ended resumed = run_program(with(command, {"--resume"}));
  CHECK(resumed.status == 0);
  CHECK(resumed.output.find("Resuming at step ") != std::string::npos);
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
