// The scripts that `waiver completion` prints do what a shell asks of them.
#include <sys/stat.h>

#include <map>

#include "config/config.h"
#include "runs.h"

using namespace waiver;

namespace {

// What a shell prints with the script in its folder; skipped, in words, where there is none.
struct Shell {
  std::string name;
  TemporaryFolder folder;

  explicit Shell(const std::string& name) : name(name) {
    const Ended script = run_program({"completion", name});
    REQUIRE(script.status == 0);
    std::ofstream(file()) << script.output;
  }
  std::string file() const { return (folder.path() / "script").string(); }
  bool is_there() const {
    const bool there = std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
    if (!there) MESSAGE("skipped: there is no " << name << " here");
    return there;
  }
  std::string run(const std::string& options, const std::string& commands) const {
    const std::string in = (folder.path() / "commands").string(),
                      out = (folder.path() / "out").string();
    std::ofstream(in) << commands;
    const std::string line = fmt::format("{} {} {} >{} 2>&1", name, options, in, out);
    CHECK(std::system(line.c_str()) == 0);
    return file_text(out);
  }
};

// What bash offers at the end of these words, as it splits them.
std::string offered(const Shell& bash, const std::string& words) {
  return bash.run("--norc", fmt::format("source {}\nCOMP_WORDS=({})\n"
                                        "COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n_waiver\n"
                                        "echo \"${{COMPREPLY[*]}}\"\n",
                                        bash.file(), words));
}

}  // namespace

TEST_CASE("bash completes verbs, options, their values, and keys with their choices") {
  const Shell bash("bash");
  if (!bash.is_there()) return;
  CHECK(offered(bash, "waiver ev") == "eval\n");
  CHECK(offered(bash, "waiver config ''") == "check show docs\n");
  CHECK(offered(bash, "waiver train --re") == "--resume\n");
  CHECK(offered(bash, "waiver config check --") == "--help --json\n");
  CHECK(offered(bash, "waiver probe RUN --tokens ''") == "natural random\n");
  CHECK(offered(bash, "waiver probe RUN --tokens random --b") == "--bos\n");
  CHECK(offered(bash, "waiver completion ''") == "bash zsh fish\n");
  CHECK(offered(bash, "waiver config docs model.wi") == "model.width\n");
  CHECK(offered(bash, "waiver train a.yaml model.wi") == "model.width=\n");
  CHECK(offered(bash, "waiver train a.yaml model.position = r") == "rope relative\n");
  CHECK(offered(bash, "waiver train a.yaml model.position.kind = r") == "rope relative\n");
  CHECK(offered(bash, "waiver train a.yaml model.precision =") == "float32 bfloat16\n");
  CHECK(offered(bash, "waiver train --out ''") == "\n");  // files
  CHECK(offered(bash, "waiver train ''") == "\n");
  for (const KeyInfo& key : config_keys())
    if (key.type != KeyInfo::Type::block)
      CHECK(file_text(bash.file()).find(key.name + "=") != std::string::npos);
}

TEST_CASE("the scripts for zsh and fish are read without complaint") {
  const Shell zsh("zsh");
  if (zsh.is_there()) {
    CHECK(zsh.run("-f -n", file_text(zsh.file())) == "");
    CHECK(zsh.run("-f", fmt::format("autoload -U compinit && compinit -D\nsource {}\n"
                                    "echo $_comps[waiver]\n",
                                    zsh.file())) == "_waiver\n");
  }
  const Shell fish("fish");
  if (fish.is_there()) {
    CHECK(fish.run("--no-execute", file_text(fish.file())) == "");
    const auto asked = [&](const std::string& line) {
      return fish.run("--no-config",
                      fmt::format("source {}\ncomplete -C '{}'\n", fish.file(), line));
    };
    CHECK(asked("waiver config do").starts_with("docs\t"));
    CHECK(asked("waiver probe --tokens ").starts_with("natural\t"));
    CHECK(asked("waiver train a.yaml model.precision=b").starts_with("model.precision=bfloat16\n"));
    CHECK(asked("waiver config show --").find("--json") == std::string::npos);
    CHECK(asked("waiver show --").find("--json") != std::string::npos);
  }
}

TEST_CASE("a shell without completions is refused, and the version names its commit") {
  const Ended none = run_program({"completion", "tcsh"});
  CHECK(none.status == 2);
  const Ended version = run_program({"--version"});
  CHECK(version.status == 0);
  CHECK(version.output.starts_with("0."));
  struct stat checkout;
  if (stat(WAIVER_SOURCE_DIR "/.git", &checkout) == 0)
    CHECK(version.output.find(", commit ") != std::string::npos);
}
