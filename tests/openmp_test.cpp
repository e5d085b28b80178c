// Whatever OpenMP is told from outside, the numbers are the same.
#include "runs.h"

using namespace waiver;

TEST_CASE("no setting of OpenMP changes a number") {
  const Runs runs;
  const std::vector<std::string> wide = {"model.width=64", "model.context=96", "train.steps=31",
                                         "probe.snapshots=[]"};
  REQUIRE(runs.train("plain", wide).status == 0);
  for (const std::string setting :
       {"OMP_MAX_ACTIVE_LEVELS=0", "OMP_MAX_ACTIVE_LEVELS=3", "OMP_NESTED=true", "OMP_DYNAMIC=true",
        "OMP_THREAD_LIMIT=1", "OMP_THREAD_LIMIT=3", "OMP_STACKSIZE=16k",
        "GOMP_STACKSIZE=100000000000", "OMP_SCHEDULE=static,7", "OMP_CANCELLATION=true",
        "OMP_PROC_BIND=close", "OMP_NUM_THREADS=2,3", "OMP_NUM_THREADS=1000000",
        "OMP_WAIT_POLICY=passive", "KMP_AFFINITY=none"}) {
    CAPTURE(setting);
    const size_t equals = setting.find('=');
    const auto set = [&] {
      setenv(setting.substr(0, equals).c_str(), setting.substr(equals + 1).c_str(), 1);
    };
    const Ended ended = run_program(runs.command(setting, wide), {.prepare = set});
    CAPTURE(ended.output);
    REQUIRE(ended.status == 0);
    CHECK(weights(runs.at(setting), 31) == weights(runs.at("plain"), 31));
    CHECK(logged(runs.at(setting)) == logged(runs.at("plain")));
  }
}
