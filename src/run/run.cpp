#include "run/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>

#include "core/error.h"
#include "core/output.h"
#include "core/products/gemm.h"
#include "core/ranks/agree.h"
#include "core/stop.h"
#include "core/threads.h"
#include "probe/prober.h"
#include "probe/roles.h"
#include "run/console.h"
#include "run/crew.h"
#include "run/directory.h"
#include "run/events.h"
#include "run/introduction.h"
#include "run/log_file.h"
#include "run/memory.h"
#include "run/run_log.h"
#include "run/saved_states.h"
#include "run/start_weights.h"
#include "run/story/story_report.h"
#include "run/summary.h"
#include "train/checkpoint.h"
#include "train/trainer.h"
#include "train/validation.h"

namespace waiver {
namespace {

class Run {
 public:
  Run(const Config& config, const Dataset& data, const RunPlan& plan, RunDirectory& directory,
      const MemoryUse& memory, Crew& crew)
      : config_(config),
        memory_(memory),
        data_(data),
        plan_(plan),
        directory_(directory),
        crew_(crew),
        model_(config.model, data.vocabulary(), static_cast<uint64_t>(config.seed.init)),
        trainer_(config.train, model_, data, static_cast<uint64_t>(config.seed.data), crew.ranks()),
        prober_(model_, data, config.probe, static_cast<uint64_t>(config.seed.data)),
        visibility_(config.probe.every > 0 ? prober_.key_visibility() : std::vector<float>()),
        console_(directory.path("train.log"), crew.ranks().alone()),
        states_({config, data, model_, trainer_, crew, directory, console_}) {
    prober_.share(crew.ranks());
  }

  void go() {
    introduce();
    const CheckpointInfo from = states_.restore(plan_.resume);
    step_ = from.step;
    log_ = std::make_unique<RunLog>(directory_.path("log.h5"), config_, prober_,
                                    LogStart{step_, directory_.identity(), from.log_digest});
    directory_.begin(config_, step_, crew_.ranks());
    states_.prune(step_);
    if (const std::string& other = log_->other_unit(); !other.empty())
      console_.line(
          fmt::format("Note: until step {} this run multiplied bfloat16 numbers with {}, here with "
                      "{}, so its bits may differ from those of an uninterrupted run.",
                      step_, unit_text(other), unit_text(to_text(bfloat16_unit()))));
    if (!log_->log().has_checksum())
      console_.line("Note: log.h5 was started without a checksum, so damage to it goes unnoticed.");
    const int64_t first = step_;
    started_ = Clock::now();
    for (;; ++step_) {
      observe();
      if (states_.due(step_)) save();
      if (step_ == config_.train.steps) break;
      train(first);
    }
    write_summary(log_->log(), config_.probe);
    flush();
    console_.line(fmt::format("Done: {}", fmt::join(verdict(), ", ")));
    std::string story = story_report(log_->log(), directory_.folder(), selection_of(log_->log()));
    story.pop_back();  // the line's own end
    console_.line("\n" + story);
  }

  /// Saves the state of the last whole step, where training has begun, and says so.
  [[noreturn]] void stop() {
    if (!log_) throw stopped_before();
    const Uninterrupted whole;
    console_.line(fmt::format("Asked to stop: saving the state of step {}.", step_));
    if (step_ != states_.last()) save();
    throw Stopped(fmt::format(
        "step {}: the run was interrupted; its state is saved. --resume continues it.", step_));
  }
  static Stopped stopped_before() {
    return Stopped("the run was interrupted before it trained. --resume continues it.");
  }

  /// Saves the weights at which the run stopped, unless they hold NaN or infinity, and what was
  /// logged, where possible.
  void save_failed() {
    const Uninterrupted whole;
    try {
      flush();
      console_.line(states_.save_failed(step_, *log_));
    } catch (const Error& problem) {
      // What stopped the run matters more than this, and must not be masked by it.
      print_progress(
          directory_.readable(fmt::format("The state could not be saved: {}\n", problem.what())));
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  void introduce() {
    for (const std::string& line :
         introduction(config_, directory_.folder().string(), model_, trainer_, crew_, memory_))
      console_.line(line);
    if (const auto foreign = directory_.foreign(); plan_.overwrite && !foreign.empty())
      console_.line(fmt::format("Left untouched: {}.", fmt::join(foreign, ", ")));
  }

  // The outcome of the run.
  std::vector<std::string> verdict() const {
    std::vector<std::string> out = {directory_.folder().string()};
    const Log& log = log_->log();
    const auto rows = std::ssize(log.steps("eval"));
    if (rows > 0)
      out.push_back(validation_text(log.read_rows("eval", "loss", rows - 1, rows).values[0]));
    if (!waiver_.empty()) out.push_back(waiver_);
    return out;
  }

  void save() {
    states_.save(step_, *log_);
    if (profiled_ > 0) directory_.record_times(profile_, profiled_);
  }

  void flush() { log_->flush(directory_.path("log.h5")); }

  void observe() {
    const int64_t steps = config_.train.steps;
    if (prober_.due(step_, steps)) {
      const auto start = Clock::now();
      const bool snapshot = prober_.snapshot_due(step_, steps);
      crew_.share(Task::probe, 0, [&] { prober_.measure(snapshot); });
      log_->probe(step_, prober_);
      if (snapshot) log_->snapshot(step_, prober_);
      ask_mechanism();
      probe_seconds_ += seconds_since(start);
      waiver_ = strongest_text([&](std::string_view name) { return prober_.find(name); },
                               visibility_, config_.model.layers, config_.model.heads,
                               config_.probe.waiver, key_role_names(data_));
    }
    const int64_t every = config_.train.eval.every;
    if (step_ == steps || (every > 0 && step_ % every == 0)) {
      const double loss = validate();
      log_->validation(step_, loss);
      if (!std::isfinite(loss)) states_.check(step_);
      if (!std::isfinite(loss))
        throw NotFinite(fmt::format("step {}, validation", step_), "the loss is NaN or infinite",
                        "Lower train.optimizer.lr, lengthen train.schedule.warmup or set "
                        "train.clip.");
      if (every > 0) console_.line(fmt::format("step {}  {}", step_, validation_text(loss)));
    }
  }

  void ask_mechanism() {
    if (std::ranges::count(config_.probe.mechanism, step_) == 0) return;
    Prober prober(model_, data_, config_.probe, static_cast<uint64_t>(config_.seed.data),
                  When::always);
    log_->mechanism(step_, find_mechanism(model_, prober, config_.probe.waiver));
  }

  Coverage coverage() const { return train_coverage(config_.train, data_, config_.model.context); }

  double validate() {
    return crew_.share(Task::validate, 0, [&] {
      return shared_validation_loss(model_, data_,
                                    own_validation(config_.train, data_, config_.model.context,
                                                   static_cast<uint64_t>(config_.seed.data)),
                                    trainer_.arena(), crew_.ranks());
    });
  }

  std::string validation_text(double loss) const {
    return fmt::format("validation loss {} ({})", loss_text(loss, data_), coverage().text());
  }

  void train(int64_t first) {
    const bool logged = step_ % config_.train.log_every == 0;
    // The first update also lays out the memory.
    const bool profiled = logged && step_ > first;
    trainer_.set_profile(profiled ? &profile_ : nullptr);
    profiled_ += profiled ? 1 : 0;
    const StepReport report =
        crew_.share(Task::update, step_, [&] { return trainer_.update(step_); });
    const Uninterrupted whole;  // the weights are a step ahead of step_ and the log
    const double seconds = seconds_since(started_);
    const double tokens =
        static_cast<double>((step_ + 1 - first) * config_.train.batch * config_.model.context);
    if (logged) {
      log_->train(step_, report);
      log_->timing(step_, seconds, tokens / seconds, probe_seconds_);
      log_->flush_when_cheap(directory_.path("log.h5"));
    }
    Console::Progress progress;
    progress.step = step_ + 1;
    progress.steps = config_.train.steps;
    progress.loss = report.loss;
    progress.tokens_per_second = tokens / seconds;
    progress.seconds_left = seconds / static_cast<double>(step_ + 1 - first) *
                            static_cast<double>(config_.train.steps - step_ - 1);
    progress.waiver = waiver_;
    const int64_t milestone = std::max<int64_t>(config_.train.log_every, config_.train.steps / 20);
    console_.progress(progress, step_ % milestone == 0);
  }

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  const Config& config_;
  const MemoryUse memory_;
  const Dataset& data_;
  const RunPlan& plan_;
  RunDirectory& directory_;
  Crew& crew_;
  Transformer model_;
  Trainer trainer_;
  Prober prober_;
  std::vector<float> visibility_;  // of the probe batch's keys
  Console console_;
  SavedStates states_;
  std::unique_ptr<RunLog> log_;
  int64_t step_ = 0;
  double probe_seconds_ = 0;
  std::string waiver_;
  Clock::time_point started_;
  Profile profile_;  // of the updates that are logged
  int64_t profiled_ = 0;
};

// Error messages name files by the current name of the run's folder.
template <class F>
void with_readable_errors(const RunDirectory& directory, const F& f) try {
  f();
} catch (const NotFinite&) {
  throw;
} catch (const Error& problem) {
  throw Error(directory.readable(problem.where()), directory.readable(problem.problem()), "",
              problem.kind());
}

void train_in(RunDirectory& directory, const Config& config, const Dataset& data,
              const RunPlan& plan, const MemoryUse& memory, Crew& crew) {
  std::optional<Run> run;
  try {
    run.emplace(config, data, plan, directory, memory, crew);
    try {
      run->go();
    } catch (const Stopped&) {
      run->stop();
    }
  } catch (const NotFinite&) {
    run->save_failed();
    throw;
  } catch (const Stopped&) {
    if (!run) throw Run::stopped_before();
    throw;
  }
}

// Trains in the folder, whose status says at last how that ended.
void train_with(Crew& crew, const Config& config, const Dataset& data, const RunPlan& plan,
                const MemoryUse& memory) {
  RunDirectory directory = [&] {
    const Uninterrupted whole;
    return RunDirectory(plan, config, record_of(config, data));
  }();
  try {
    with_readable_errors(directory, [&] {
      train_in(directory, config, data, plan, memory, crew);
      directory.set_status("done");
    });
  } catch (const Stopped& stopped) {
    const Uninterrupted whole;
    if (directory.begun()) directory.set_status(fmt::format("stopped: {}", stopped.what()));
    throw;
  } catch (const std::exception& problem) {
    try {
      if (directory.begun()) directory.set_status(fmt::format("failed: {}", sentence_of(problem)));
    } catch (const Error&) {
      // A full disk cannot hold the status either; the message below still reaches the user.
    }
    throw;
  }
}

}  // namespace

void train_run(const Config& config, const RunPlan& plan, Ranks& ranks) {
  std::unique_ptr<Dataset> data;
  MemoryUse memory;
  agree(ranks, [&] {
    data = open_training_data(config);
    memory = require_memory(config, *data, ranks);
    check_start_elsewhere(config, plan.directory);
    if (ranks.first()) check_start(config, *data);
  });
  require_same_start(ranks, config, *data);
  if (!ranks.first()) return follow(config, *data, ranks);
  Crew crew(ranks);
  try {
    train_with(crew, config, *data, plan, memory);
  } catch (const Stopped&) {
    crew.end(Stopped::kStatus);
    throw;
  } catch (const Error& error) {
    crew.end(static_cast<int64_t>(error.kind()));
    throw;
  } catch (const std::exception&) {
    crew.end(1);
    throw;
  }
  crew.end(0);
}

}  // namespace waiver
