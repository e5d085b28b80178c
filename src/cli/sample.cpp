#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "inspect/saved.h"
#include "model/sampler.h"

namespace waiver {
namespace {

struct SampleCall {
  Target target;
  std::string prompt;
  SampleOptions sample;
};

// A line break where that is a token, else the first token of the validation data.
int32_t opening_token(const SavedModel& saved) {
  for (int32_t token = 0; token < saved.data->vocabulary(); ++token)
    if (saved.data->text(token) == "\n") return token;
  if (!saved.data->has(Split::validation))
    throw UsageError("data", "this run has no data of its own to take a first token from",
                     "Say what it continues: --prompt.");
  Batch batch;
  batch.resize(1, saved.config.model.context);
  saved.data->batch(static_cast<uint64_t>(saved.config.seed.data), Split::validation, 0, batch);
  return batch.inputs[0];
}

// The tokens that all sequences begin with, then the prompt; without either, an opening token.
std::vector<int32_t> prompt_tokens(const SavedModel& saved, const std::string& prompt) try {
  std::vector<int32_t> tokens = saved.data->front();
  const std::vector<int32_t> rest = saved.data->encode(prompt);
  tokens.insert(tokens.end(), rest.begin(), rest.end());
  if (tokens.empty()) tokens.push_back(opening_token(saved));
  return tokens;
} catch (const UsageError& problem) {
  throw UsageError("--prompt", problem.problem());
}

void write(const SampleCall& options) {
  require_run(options.target.path, "sample");
  const SavedModel saved = load_saved(options.target.path, options.target.overrides, {});
  if (saved.data->mask_token() >= 0)
    throw UsageError(
        saved.checkpoint.string(),
        "a model of train.objective masked_token predicts masked tokens and cannot continue a text",
        "Sample from one of next_token.");
  if (saved.config.model.output.kind == OutputKind::hidden)
    throw UsageError(saved.checkpoint.string(),
                     "this model has no output layer (model.output.kind: hidden), so it predicts "
                     "nothing");
  if (saved.data->features() > 0)
    throw UsageError(saved.checkpoint.string(),
                     "a model of real-valued features has no tokens to generate",
                     "Sample from one of train.objective next_token.");
  const std::vector<int32_t> front = saved.data->front();
  const std::vector<int32_t> prompt = prompt_tokens(saved, options.prompt);
  const auto print = [&](int32_t token) {
    print_result("{}{}", saved.data->text(token), saved.data->separator());
  };
  std::for_each(prompt.begin() + std::ssize(front), prompt.end(), print);
  sample(*saved.model, prompt, front, options.sample, print);
  print_result("\n");
}

}  // namespace

void add_sample(Verb& program) {
  Verb verb = program.add("sample", "Let a trained model generate text");
  auto options = std::make_shared<SampleCall>();
  add_target(verb, options->target, "run", "a run directory or a checkpoint folder");
  verb.add(
      "--prompt", options->prompt,
      "the text to continue, or token ids where the data has no text; default: the first tokens of "
      "every sequence, else a line break, else the first token of the validation data");
  verb.add("--tokens", options->sample.tokens, "how many tokens to generate")
      .between(0, 1 << 24)
      .shows_default();
  verb.add("--temperature", options->sample.temperature, "0: always the likeliest token")
      .between(0.0, 100.0)
      .shows_default();
  verb.add("--top-k", options->sample.top_k, "draw among the k likeliest; 0: among all")
      .between(0, 1 << 24)
      .shows_default();
  verb.add("--seed", options->sample.seed, "seed of the draws").shows_default();
  add_threads(verb);
  verb.runs([options] { write(*options); });
}

}  // namespace waiver
