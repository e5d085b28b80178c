#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string_view>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "core/text/shell.h"
#include "core/threads.h"
#include "study/claims/claim.h"
#include "study/sweep.h"

namespace waiver {
namespace {

struct SweepCall {
  Target target;
  std::string directory, only;
  std::vector<std::string> claims;
  int64_t jobs = 1;
  bool resume = false, list = false, collect = false, status = false, dry_run = false,
       verify = false;
  bool threads_given = false, only_given = false;
};

size_t number_of(std::string_view text, const std::string& whole, size_t runs) {
  size_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 1 || number > runs)
    throw UsageError("--only " + whole, fmt::format("expected numbers of runs, 1 to {}", runs),
                     "For example 3, 1-4 or 2,5-7; --dry-run lists the runs.");
  return number;
}

// Places from 0 of `2,5-7`, in that order, each once.
std::vector<size_t> chosen_runs(const std::string& text, size_t runs) {
  std::vector<size_t> chosen;
  for (size_t begin = 0; begin < text.size() + 1;) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view part = std::string_view(text).substr(begin, comma - begin);
    const size_t dash = part.find('-');
    const size_t first = number_of(part.substr(0, dash), text, runs);
    const size_t last = dash == part.npos ? first : number_of(part.substr(dash + 1), text, runs);
    if (last < first)
      throw UsageError("--only " + text, fmt::format("{} goes backwards", part),
                       fmt::format("Write {}-{}.", last, first));
    for (size_t number = first; number <= last; ++number)
      if (std::ranges::find(chosen, number - 1) == chosen.end()) chosen.push_back(number - 1);
    begin = comma + 1;
  }
  return chosen;
}

// How this program sweeps the study into that folder.
std::vector<std::string> command_of(const SweepCall& call, const std::string& program,
                                    const std::string& directory) {
  std::vector<std::string> command = {program, "sweep", call.target.path};
  command.insert(command.end(), call.target.overrides.begin(), call.target.overrides.end());
  command.insert(command.end(), {"--out", directory});
  return command;
}

void print_commands(const SweepCall& call, const SweepPlan& plan, size_t runs) {
  std::vector<std::string> command =
      command_of(call, std::filesystem::read_symlink("/proc/self/exe").string(), plan.directory);
  if (call.resume) command.emplace_back("--resume");
  if (call.threads_given || call.jobs > 1)
    command.insert(command.end(),
                   {"--threads", std::to_string(std::max<int64_t>(1, threads() / call.jobs))});
  std::string text;
  for (const std::string& word : command) text += shell_word(word) + " ";
  for (size_t i = 0; i < runs; ++i)
    if (plan.only.empty() || std::ranges::find(plan.only, i) != plan.only.end())
      print_result("{}--only {}\n", text, i + 1);
}

void sweep(const SweepCall& call) {
  require_file(call.target.path);
  if (call.verify && !call.target.overrides.empty())
    throw UsageError(call.target.overrides.front(), "--verify takes a study as it was committed",
                     "Leave it out, or sweep into another folder and compare claims.json.");
  const Study study = load_study(call.target.path, call.target.overrides);
  SweepPlan plan;
  const std::string name = study.name + (call.verify ? "-verify" : "");
  plan.directory = call.directory.empty() ? "runs/" + name : call.directory;
  plan.resume = call.resume;
  plan.jobs = call.jobs;
  plan.shared = call.only_given;
  if (call.only_given) plan.only = chosen_runs(call.only, study.runs.size());
  if (!call.claims.empty()) plan.only = runs_of_claims(study, call.claims);
  plan.claims = call.claims;
  plan.command = command_of(call, "/proc/self/exe", plan.directory);
  if (call.list) return print_commands(call, plan, study.runs.size());
  if (call.collect) return collect_sweep(study, plan.directory);
  if (call.status) return print_result(sweep_status(study, plan.directory, terminal_width()));
  if (call.verify) plan = verification(study, plan);
  if (call.dry_run) return print_result(sweep_forecast(study, plan, terminal_width()));
  call.verify ? verify_sweep(study, plan) : run_sweep(study, plan);
}

}  // namespace

void add_sweep(Verb& program) {
  Verb verb = program.add("sweep", "Train every run of a study, and sum them up");
  auto call = std::make_shared<SweepCall>();
  add_target(verb, call->target, "study", "a study (YAML)");
  verb.add("--out", call->directory, "the sweep's folder; default: runs/ and the study's name");
  verb.add("--resume", call->resume,
           "continue in an existing folder: runs that are finished, in it or by a "
           "record, are skipped, started ones continued");
  verb.add("--jobs", call->jobs, "how many runs are trained side by side; they share the threads")
      .between(1, 4096)
      .shows_default();
  Option only = verb.add("--only", call->only,
                         "only these runs, by number, as 3 or 2,5-7, without a summary; several "
                         "such calls may work in one folder at a time")
                    .type("NUMBERS");
  Option list = verb.add("--list", call->list,
                         "print a shell command for each run, for GNU parallel or a job array");
  Option collect = verb.add("--collect", call->collect,
                            "train nothing: sum up the runs and records that are there")
                       .excludes(only)
                       .excludes(list);
  Option status = verb.add("--status", call->status, "print which runs are done, running, failed")
                      .excludes(list)
                      .excludes(collect)
                      .excludes(only);
  Option verify = verb.add("--verify", call->verify,
                           "train anew a study whose verdicts are committed, in runs/ and its name "
                           "with -verify, and compare")
                      .excludes(only)
                      .excludes(list)
                      .excludes(collect)
                      .excludes(status);
  verb.add("--claim", call->claims,
           "with --verify: only these claims, as early,late, and the runs that they are about")
      .type("IDS")
      .separated_by_commas()
      .needs(verify);
  verb.add("--dry-run", call->dry_run,
           "print the runs with their memory and, by training each config for a moment, their time")
      .excludes(list)
      .excludes(collect)
      .excludes(status);
  verb.prints("--docs", claim_docs, "print every key of a claim, and every measure");
  auto given = std::make_shared<Option>(add_threads(verb)), chosen = std::make_shared<Option>(only);
  verb.runs([call, given, chosen] {
    call->only_given = chosen->given();
    call->threads_given = given->given();
    sweep(*call);
  });
}

}  // namespace waiver
