#include "study/show/shown_run.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text/shell.h"
#include "run/directory.h"
#include "study/unfinished.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

SelectedBy selected_by_from(const std::string& text) {
  for (const SelectedBy by : {SelectedBy::mask, SelectedBy::position_encoding,
                              SelectedBy::feature_distribution, SelectedBy::mixed})
    if (text == to_text(by)) return by;
  return SelectedBy::nothing;
}

Selection selection_from(const Json& one, int64_t step) {
  const auto share = [&](const char* name) {
    const Json& x = one.at("follows").at(name);
    return x.is_null() ? NAN : x.get<double>();
  };
  return {step,
          selected_by_from(one.at("selected_by")),
          share("encoding"),
          share("content"),
          share("both"),
          one.at("key")};
}

[[noreturn]] void refuse_without_log(const fs::path& run) {
  if (run_status(run.string()) == "done")
    throw UsageError(run.string(), "this run has no log, as one that was imported",
                     fmt::format("waiver probe {} looks at its model.", shell_word(run.string())));
  throw UsageError(
      run.string(),
      fmt::format("this run has logged nothing yet ({})", unfinished_state(run, 0).first),
      "Wait for its first probe, or continue it with waiver train … --resume.");
}

}  // namespace

ShownRun open_shown_run(const fs::path& run) {
  if (!fs::exists(run / "log.h5")) refuse_without_log(run);
  Log log = Log::open(run / "log.h5");
  Config config = parse_config(log.config(), log.path().string());
  std::optional<Selection> selection;
  if (fs::exists(run / kMechanismFile)) selection = selection_of(Log::open(run / kMechanismFile));
  return {std::move(log), std::move(config), selection};
}

SweepMechanism::SweepMechanism(const fs::path& sweep) : file_(sweep / "mechanism.json") {
  if (fs::exists(file_)) json_ = parse_json(read_file(file_));
}

std::optional<Selection> SweepMechanism::find(const SweepIndex::Run& run, int64_t step) const try {
  if (json_.is_null()) return {};
  for (const Json& group : json_.at("groups")) {
    if (group.at("group") != run.group) continue;
    for (const Json& one : group.at("runs"))
      if (one.at("seed") == run.seed) return selection_from(one, step);
  }
  return {};
} catch (const Json::exception&) {
  throw Error(file_.string(), "this is not what `waiver probe SWEEP --mechanism` writes",
              "It is damaged: move it away, or ask anew.");
}

std::optional<Selection> newest_selection(const ShownRun& run,
                                          const std::optional<Selection>& of_sweep) {
  return newer(newer(selection_of(run.log), run.selection), of_sweep);
}

std::optional<Selection> selection_in_sweep(const fs::path& run, int64_t step) {
  const fs::path whole = fs::weakly_canonical(run), sweep = whole.parent_path();
  if (!is_sweep(sweep)) return {};
  for (const SweepIndex::Run& each : SweepIndex::read(sweep).runs)
    if (each.name == whole.filename()) return SweepMechanism(sweep).find(each, step);
  return {};
}

}  // namespace waiver
