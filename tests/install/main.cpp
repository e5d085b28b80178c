// A program of someone else's: trains a small model through the installed library, and ends with 0
// if it learns.
#include <fmt/format.h>
#include <waiver/config/config.h>
#include <waiver/core/threads.h>
#include <waiver/model/transformer.h>
#include <waiver/train/trainer.h>

constexpr char kConfig[] = R"(
model: {heads: 2, width: 32, context: 32, position: rope, mlp: {width: 64}}
data: bigram_backcopy
train: {steps: 101, batch: 16, optimizer: {kind: adamw, lr: 3.0e-3}}
)";

int main() {
  using namespace waiver;
  set_threads(threads());
  const Config config = parse_config(kConfig, "example.yaml");
  const auto data = open_data(config);
  Transformer model(config.model, data->vocabulary(), config.seed.init);
  Trainer trainer(config.train, model, *data, config.seed.data);
  double first = 0, loss = 0;
  for (int64_t step = 0; step < config.train.steps; ++step) {
    loss = trainer.update(step).loss;
    if (step == 0) first = loss;
    if (step % 20 == 0) fmt::print("step {:3}  loss {:.3f}\n", step, loss);
  }
  return loss < first - 1 ? 0 : 1;
}
