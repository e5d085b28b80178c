#include "run/saved_states.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace fs = std::filesystem;

namespace waiver {

CheckpointInfo SavedStates::restore(bool resume) {
  Console& console = of_.console;
  if (!of_.directory.resumed()) {
    if (resume) console.line("There is no run here to resume: starting at step 0.");
    return begin();
  }
  clean_checkpoints(checkpoints());
  const auto saved = list_checkpoints(checkpoints());
  for (auto checkpoint = saved.rbegin(); checkpoint != saved.rend(); ++checkpoint) try {
      return load(*checkpoint);
    } catch (const RankLost&) {
      throw;
    } catch (const Error& problem) {
      if (problem.kind() == Error::Kind::usage) throw;
      console.line(
          of_.directory.readable(fmt::format("Skipping a damaged checkpoint: {}", problem.what())));
    }
  if (!saved.empty())
    throw Error(checkpoints().string(), "none of these checkpoints can be loaded",
                "--overwrite replaces what is here with a new run; --out starts one elsewhere.");
  console.line("No checkpoint to resume from: starting at step 0.");
  return begin();
}

CheckpointInfo SavedStates::load(const fs::path& checkpoint) {
  check_own(checkpoint, read_checkpoint_info(checkpoint));
  Trainer::WholeState state = of_.trainer.room_for_state();
  const CheckpointInfo info = load_checkpoint(checkpoint, of_.model.parameters(), state.arrays);
  spread(state);
  of_.console.line(fmt::format("Resuming at step {}.", info.step));
  last_ = info.step;
  return info;
}

CheckpointInfo SavedStates::begin() {
  if (const std::string& from = of_.config.train.from; !from.empty()) {
    load_checkpoint(from, of_.model.parameters(), nullptr);
    of_.console.line(fmt::format("Beginning with the weights of {}.", from));
  }
  spread(of_.trainer.room_for_state());
  return {};
}

void SavedStates::check_own(const fs::path& checkpoint, const CheckpointInfo& info) const {
  if (info.identity.empty())
    of_.console.line(
        "Note: this checkpoint does not say which run it belongs to, so that is not checked.");
  else if (info.identity != of_.directory.identity())
    throw UsageError(checkpoint.string(), "this checkpoint belongs to another run",
                     "Move it away: the run continues from the newest of its own.");
  if (info.step > of_.config.train.steps)
    throw UsageError(checkpoint.string(),
                     fmt::format("this checkpoint is of step {}, and train.steps is {}", info.step,
                                 of_.config.train.steps),
                     "Give at least as many steps, or move it away.");
}

bool SavedStates::due(int64_t step) const {
  const CheckpointConfig& c = of_.config.train.checkpoint;
  if (step == last_) return false;
  return step == of_.config.train.steps || std::ranges::find(c.at, step) != c.at.end() ||
         (step > 0 && c.every > 0 && step % c.every == 0);
}

void SavedStates::save(int64_t step, RunLog& log) {
  const Trainer::WholeState state = whole();
  of_.trainer.check_state(step, state.arrays);
  log.flush(of_.directory.path("log.h5"));
  write("checkpoints", step, log, state);
  last_ = step;
  prune(step);
}

void SavedStates::prune(int64_t step) const {
  const CheckpointConfig& c = of_.config.train.checkpoint;
  prune_checkpoints(checkpoints(), step, c.keep, c.at);
}

void SavedStates::check(int64_t step) { of_.trainer.check_state(step, whole().arrays); }

std::string SavedStates::save_failed(int64_t step, RunLog& log) {
  const auto name = [&](const fs::path& saved) { return of_.directory.readable(saved.string()); };
  const auto saved = list_checkpoints(checkpoints());
  const std::string good = saved.empty()
                               ? "No checkpoint was saved before."
                               : fmt::format("The last good checkpoint is {}.", name(saved.back()));
  const Trainer::WholeState state = whole();
  try {
    of_.trainer.check_state(step, state.arrays);
  } catch (const NotFinite&) {
    return good;
  }
  return fmt::format("The weights before this step are in {}. {}",
                     name(write("failed", step, log, state)), good);
}

fs::path SavedStates::write(const char* folder, int64_t step, RunLog& log,
                            const Trainer::WholeState& state) const {
  const CheckpointInfo info = {step, to_yaml(of_.config), of_.directory.identity(),
                               DataRecord::of(of_.data).to_json(), log.log().digest(step)};
  return save_checkpoint(of_.directory.path(folder), info, of_.model.parameters(), state.arrays);
}

Trainer::WholeState SavedStates::whole() {
  return of_.crew.share(Task::gather, 0, [&] { return of_.trainer.whole_state(); });
}

void SavedStates::spread(const Trainer::WholeState& state) {
  of_.crew.share(Task::spread, 0, [&] { of_.trainer.spread(state); });
}

}  // namespace waiver
