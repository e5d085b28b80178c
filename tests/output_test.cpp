// A standard stream that cannot be written: no product is lost in silence, no run is ended.
#include "core/error.h"
#include "runs.h"

using namespace waiver;

namespace {

void into(const char* path, int stream) {
  const int file = open(path, O_WRONLY);
  dup2(file, stream);
  close(file);
}

}  // namespace

TEST_CASE("what cannot be printed is an error with a sentence, and no abort") {
  const Runs runs;
  REQUIRE(runs.train("run", {"train.steps=31"}).status == 0);
  const std::string run = runs.at("run").string();
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"eval", run},
                                             {"probe", run},
                                             {"sample", run, "--tokens", "2"},
                                             {"config", "check", runs.config()},
                                             {"config", "show", runs.config()},
                                             {"config", "docs"},
                                             {"intervene", "--docs"},
                                             {"doctor"},
                                             {"--help"}}) {
    CAPTURE(verb[0]);
    const Ended full = run_program(verb, {.prepare = [] { into("/dev/full", STDOUT_FILENO); }});
    CHECK(full.status == 1);
    // A probe has said before how much memory it takes.
    CHECK(full.output.ends_with(
        "standard output: the output cannot be written: No space left on device.\n"));
    const Ended closed = run_program(verb, {.prepare = [] { close(STDOUT_FILENO); }});
    CHECK(closed.status == 1);
    CHECK(closed.output.ends_with(
        "standard output: the output cannot be written: Bad file descriptor.\n"));
  }
}

TEST_CASE("a standard error that cannot be written changes no exit status") {
  const auto status = [](std::vector<std::string> arguments, std::function<void()> prepare) {
    return run_program(std::move(arguments), {.prepare = std::move(prepare)}).status;
  };
  const auto full = [] { into("/dev/full", STDERR_FILENO); };
  CHECK(status({"train", "no/such.yaml"}, full) == 2);
  CHECK(status({"dance"}, full) == 2);
  CHECK(status({"config", "docs"}, [] { close(STDERR_FILENO); }) == 0);
  CHECK(status({"config", "docs"}, [] {
          into("/dev/full", STDERR_FILENO);
          into("/dev/full", STDOUT_FILENO);
        }) == 1);
}

TEST_CASE("a run and a sweep go on to the end without anyone who listens") {
  const Runs runs;
  REQUIRE(runs.train("heard").status == 0);
  std::ofstream(runs.at("study.yaml")) << "title: A study\nbase: tiny.yaml\nseeds: [0]\n";
  const auto closed_pipe = [] {
    int ends[2];
    if (pipe(ends) != 0) _exit(126);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
  };
  const auto full = [] { into("/dev/full", STDOUT_FILENO); };
  const auto closed = [] { close(STDOUT_FILENO); };
  for (const auto& [name, prepare] : std::map<std::string, std::function<void()>>{
           {"pipe", closed_pipe}, {"full", full}, {"closed", closed}}) {
    CAPTURE(name);
    CHECK(run_program(runs.command(name), {.prepare = prepare}).status == 0);
    check_same(runs.at(name), runs.at("heard"));
    CHECK(file_text(runs.at(name) / "status") == "done\n");
    CHECK(file_text(runs.at(name) / "train.log").find("Done: ") != std::string::npos);
    const std::string sweep = runs.at("sweep-" + name).string();
    CHECK(
        run_program({"sweep", runs.at("study.yaml").string(), "--out", sweep}, {.prepare = prepare})
            .status == 0);
  }
}

TEST_CASE("a train.log that cannot be written is named") {
  const Runs runs;
  REQUIRE(runs.train("run", {"train.steps=31"}).status == 0);
  std::filesystem::remove(runs.at("run") / "train.log");
  std::filesystem::create_symlink("/dev/full", runs.at("run") / "train.log");
  const Ended ended = runs.train("run", {"train.steps=31", "--resume"});
  CHECK(ended.status == 1);
  CHECK(ended.output.find("train.log: cannot be written: No space left on device.") !=
        std::string::npos);
  CHECK(file_text(runs.at("run") / "status") == "done\n");  // nothing of it has changed
}

TEST_CASE("what the system refuses is reported in a sentence") {
  CHECK(sentence_of(std::bad_alloc()).starts_with("memory: the system cannot provide enough."));
  CHECK(sentence_of(std::length_error("vector::_M_default_append")).starts_with("memory: "));
  const auto denied = std::make_error_code(std::errc::permission_denied);
  CHECK(sentence_of(std::filesystem::filesystem_error("cannot increment", "a/b", denied)) ==
        "a/b: the system refuses it: Permission denied.");
  CHECK(sentence_of(std::system_error(denied, "thread")) ==
        "system: it refuses what the program needs: Permission denied.");
  CHECK(sentence_of(Error("here", "this is so")) == "here: this is so.");
}
