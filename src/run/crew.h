#pragma once

#include "config/config.h"
#include "core/ranks/ranks.h"
#include "core/stop.h"
#include "train/trainer.h"

namespace waiver {

/// What rank 0 asks the other ranks to do with it.
enum class Task : int64_t {
  spread,    // take over its weights and slices of its state
  update,    // make update `step`
  validate,  // share out a validation
  probe,     // measure some of the metrics
  gather,    // give it their slices of the state
  end        // with exit status `step`
};

/// The ranks that train with rank 0, which alone writes, prints and decides.
class Crew {
 public:
  /// REQUIRES: the others `follow`.
  explicit Crew(Ranks& ranks);

  Ranks& ranks() { return ranks_; }
  /// A note for each rank whose processor has another name than rank 0's.
  const std::vector<std::string>& other_processors() const { return other_processors_; }
  /// Asks the others for a task and does rank 0's own part of it, f. What all ranks throw together
  /// (NotFinite, Stopped) leaves them ready for the next task; anything else ends them all.
  template <class F>
  auto share(Task task, int64_t step, const F& f) {
    if (ranks_.alone()) return f();
    const Uninterrupted together;  // what may stop says so to all ranks
    try {
      ask(task, step);
      return f();
    } catch (const NotFinite&) {
      throw;
    } catch (const Stopped&) {
      throw;
    } catch (...) {
      ranks_.give_up();
      throw;
    }
  }
  /// The others end with this exit status, unless they cannot be reached.
  void end(int64_t status);

 private:
  void ask(Task task, int64_t step);

  Ranks& ranks_;
  std::vector<std::string> other_processors_;
};

/// Throws where a rank is not the same program on the same kind of machine with the same config and
/// data, by name (core/ranks/agree.h).
void require_same_start(Ranks& ranks, const Config& config, const Dataset& data);

/// Does what rank 0 asks for until it ends; throws EndedElsewhere where that is not well. REQUIRES:
/// this is another rank.
void follow(const Config& config, const Dataset& data, Ranks& ranks);

}  // namespace waiver
