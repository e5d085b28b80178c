#include "run/crew.h"

#include <fmt/format.h>

#include <exception>
#include <sstream>

#include "core/digest.h"
#include "core/error.h"
#include "core/machine.h"
#include "core/output.h"
#include "core/ranks/agree.h"
#include "probe/prober.h"
#include "run/identity.h"
#include "train/validation.h"

namespace waiver {
namespace {

struct Asked {
  Task task;
  int64_t step;
};

struct Follower {
  const Config& config;
  const Dataset& data;
  Ranks& ranks;
  Transformer& model;
  Trainer& trainer;
  Prober& prober;

  void obey(const Asked& asked) const;
};

std::string processor() {
  for (const auto& [name, value] : machine_facts())
    if (name == "processor") return value;
  return {};
}

void Follower::obey(const Asked& asked) const {
  switch (asked.task) {
    case Task::spread:
      return trainer.spread({});
    case Task::update:
      try {
        trainer.update(asked.step);
      } catch (const NotFinite&) {  // so it is on rank 0, which says what to do next
      } catch (const Stopped&) {
      }
      return;
    case Task::validate:
      try {
        shared_validation_loss(model, data,
                               own_validation(config.train, data, config.model.context,
                                              static_cast<uint64_t>(config.seed.data)),
                               trainer.arena(), ranks);
      } catch (const Stopped&) {
      }
      return;
    case Task::probe:
      return prober.measure();
    case Task::gather:
      trainer.whole_state();
      return;
    case Task::end:
      return;
  }
}

}  // namespace

Crew::Crew(Ranks& ranks) : ranks_(ranks) {
  const std::vector<std::string> all = ranks.gather(processor());
  for (int64_t r = 1; r < ranks.count(); ++r)
    if (all[r] != all[0])
      other_processors_.push_back(fmt::format(
          "Note: the processor of rank {} is {}, that of rank 0 {}: the bits may not be "
          "those of one process.",
          r, all[r], all[0]));
}

void Crew::end(int64_t status) {
  if (!ranks_.alone() && !ranks_.gave_up()) ask(Task::end, status);
}

void Crew::ask(Task task, int64_t step) {
  Asked asked[] = {{task, step}};
  ranks_.broadcast(std::span<Asked>(asked));
}

void require_same_start(Ranks& ranks, const Config& config, const Dataset& data) {
  if (ranks.alone()) return;
  std::string facts;
  for (const auto& [name, value] : machine_facts())
    if (name != "processor" && name != "processors" && name != "threads")
      facts += fmt::format("{} {}\n", name, value);
  std::istringstream lines(to_yaml(config));
  for (std::string line; std::getline(lines, line);)
    facts += fmt::format("the config '{}'\n", line);
  facts += fmt::format("the data {}\n", sha256(DataRecord::of(data).to_json()));
  require_same(ranks, facts);
}

void follow(const Config& config, const Dataset& data, Ranks& ranks) try {
  const Uninterrupted whole;  // rank 0 says when to stop
  ranks.gather(processor());  // as Crew does
  Transformer model(config.model, data.vocabulary(), static_cast<uint64_t>(config.seed.init));
  Trainer trainer(config.train, model, data, static_cast<uint64_t>(config.seed.data), ranks);
  Prober prober(model, data, config.probe, static_cast<uint64_t>(config.seed.data));
  prober.share(ranks);
  for (;;) {
    Asked asked[1];
    ranks.broadcast(std::span<Asked>(asked));
    if (asked[0].task == Task::end && asked[0].step == 0) return;
    if (asked[0].task == Task::end) throw EndedElsewhere{static_cast<int>(asked[0].step)};
    Follower{config, data, ranks, model, trainer, prober}.obey(asked[0]);
  }
} catch (const RankLost&) {
  throw;
} catch (const std::exception& problem) {
  // The others wait for this rank: only ending all of them at once ends them.
  print_error(fmt::format("rank {}: {}\n", ranks.own(), sentence_of(problem)));
  ranks.abort(1);
}

}  // namespace waiver
