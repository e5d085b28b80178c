#include <cmath>

#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "data/backcopy.h"
#include "data/dataset.h"

namespace waiver {
namespace {

/// The corpus-free variant: V tokens; the first token is 0 and the triggers are the last ids. The
/// bigram table is the row softmax of N(0, 1) logits, then: column 0 to zero, trigger columns × 4,
/// trigger → trigger to zero, rows renormalised. x_1 is uniform over the plain tokens.
class BigramBackcopyRandom : public BackcopyTask {
 public:
  void options(FieldVisitor& v) override {
    v.field({"vocabulary", "V, including the first token, 0", between(3, 65535)}, vocabulary_);
    v.field({"triggers", "how many of the last ids are triggers", at_least(0)}, triggers_);
    v.field({"table_seed", "seed of the bigram table", at_least(0)}, table_seed_);
    BackcopyTask::options(v);
  }

  void open(int64_t context) override {
    check_rule();
    const int64_t V = vocabulary_, plain_end = V - triggers_;
    if (plain_end < 2)
      throw UsageError("data.triggers",
                       std::to_string(triggers_) + " of " + std::to_string(V) +
                           " tokens leave no plain token besides the first",
                       "There may be at most vocabulary − 2.");
    if (V * V * static_cast<int64_t>(sizeof(double)) > memory_limit())
      throw UsageError("data.vocabulary", "the bigram table of " + std::to_string(V) +
                                              " tokens does not fit into this machine's memory");
    is_trigger_.assign(V, false);
    for (int64_t v = plain_end; v < V; ++v) is_trigger_[v] = true;
    const Random random(static_cast<uint64_t>(table_seed_), "bigram_table");
    follow_.clear();
    for (int64_t a = 0; a < V; ++a) {
      std::vector<double> row(V);
      for (int64_t b = 1; b < V; ++b) {
        row[b] = std::exp(random.normal(a * V + b)) * (is_trigger_[b] ? 4.0 : 1.0);
        if (is_trigger_[a] && is_trigger_[b]) row[b] = 0;
      }
      follow_.emplace_back(row);
    }
    std::vector<double> plain(V, 0.0);
    for (int64_t v = 1; v < plain_end; ++v) plain[v] = 1.0;
    opening_ = Sampler(plain);
    set_frame(context, V, {1, static_cast<int32_t>(V)}, 0);
  }

 private:
  int64_t vocabulary_ = 64;
  int64_t table_seed_ = 0;
};

}  // namespace

Registered<Dataset> bigram_backcopy_random_kind() {
  return kind_of<Dataset, BigramBackcopyRandom>(
      "bigram_backcopy_random", "the same task over a random bigram table, without a corpus");
}

}  // namespace waiver
