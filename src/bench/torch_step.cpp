#include "bench/torch_step.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/child_process.h"
#include "core/error.h"
#include "core/products/gemm.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr char kScript[] =
#include "source_folder.inc"
    "/scripts/torch_step.py";
constexpr double kHelps = 1.2;  // beyond what a rate varies by
constexpr int kTries = 3;

std::string description(const Workload& w) {
  const ModelConfig& m = w.model;
  return json_text({{"layers", m.layers},
                    {"heads", m.heads},
                    {"width", m.width},
                    {"context", m.context},
                    {"mlp", m.mlp.width},
                    {"activation", m.mlp.kind.name()},
                    {"attention_bias", m.attention.bias},
                    {"mlp_bias", m.mlp.bias},
                    {"tied", m.output.tied},
                    {"vocabulary", w.vocabulary},
                    {"batch", w.train.batch},
                    {"precision", std::string(word(m.precision))},
                    {"threads", threads()}});
}

// 0 where the answer lacks it: PyTorch ended, or met a problem.
double number(const Json& answer, const char* name) {
  return answer.contains(name) && answer[name].is_number() ? answer[name].get<double>() : 0;
}

std::string text(const Json& answer, const char* name, const char* otherwise) {
  return answer.contains(name) && answer[name].is_string() ? answer[name].get<std::string>()
                                                           : otherwise;
}

[[noreturn]] void refuse(const std::string& python, const Json& answer) {
  if (answer.contains("missing"))
    throw UsageError("--compare", fmt::format("PyTorch is not installed for {}", python),
                     "Install it in a virtual environment (pip install torch==2.13.0) and give its "
                     "interpreter with --python, or install Debian's package for /usr/bin/python3: "
                     "apt-get install python3-torch libopenblas0.");
  const std::string problem = text(answer, "problem", "");
  throw UsageError("--compare",
                   problem.empty() ? fmt::format("{} does not run {}", python, kScript)
                                   : fmt::format("{} cannot import torch: {}", python, problem),
                   fmt::format("Try: {} -c 'import torch'.", python));
}

}  // namespace

struct TorchStep::Process {
  std::unique_ptr<RemedyFolder> folder;  // outlives the child
  ChildProcess child;
  Json first = child.answer();
  double gflops = 0;  // the best so far

  double rate(Precision precision) {
    return number(child.ask(fmt::format("products {}", word(precision))), "gflops");
  }
  void measure() { gflops = std::max(gflops, rate(Precision::float32)); }
};

TorchStep::TorchStep(const Workload& workload, const std::string& python)
    : python_(python), model_(description(workload)), process_(start({})) {
  const Json& first = process_->first;
  if (!first.contains("version")) refuse(python, first);
  setup_.version = text(first, "version", "");
  setup_.blas = text(first, "blas", "unknown BLAS");
  if (workload.model.precision == Precision::bfloat16) setup_.bfloat16_gflops = 0;
  for (int i = 0; i < kTries; ++i) measure_products();
  if (setup_.slowed()) apply_remedy();
}

TorchStep::~TorchStep() = default;

std::unique_ptr<TorchStep::Process> TorchStep::start(
    const std::optional<BlasRemedy>& remedy) const {
  std::vector<std::string> command = {python_, kScript, model_};
  if (!remedy) return std::unique_ptr<Process>(new Process{nullptr, ChildProcess(command)});
  auto folder = std::make_unique<RemedyFolder>();
  command.insert(command.begin(), {"/bin/sh", "-c", remedy->shell, folder->path()});
  return std::unique_ptr<Process>(new Process{std::move(folder), ChildProcess(command)});
}

void TorchStep::measure_products() {
  process_->measure();
  setup_.gemm_gflops = process_->gflops;
  setup_.own_gflops = std::max(setup_.own_gflops, measure_gemm_rate());
  if (auto& rate = setup_.bfloat16_gflops)
    rate = std::max(*rate, process_->rate(Precision::bfloat16));
}

void TorchStep::apply_remedy() {
  for (const BlasRemedy& remedy : blas_remedies(setup_.blas)) {
    std::unique_ptr<Process> remedied = start(remedy);
    if (remedied->first.empty()) setup_.remedy_needs = remedy.needs;
    // In turn, so that a change of the machine's speed is not taken for the remedy's effect.
    for (int i = 0; i < kTries; ++i) {
      remedied->measure();
      process_->measure();
    }
    setup_.gemm_gflops = process_->gflops;
    if (remedied->gflops < kHelps * process_->gflops) continue;
    remedy_ = remedy;
    setup_.remedy = remedy.name;
    setup_.gflops_before = process_->gflops;
    setup_.gemm_gflops = remedied->gflops;
    process_ = std::move(remedied);
    return;
  }
}

void TorchStep::warm_up() {
  for (int i = 0; i < 3 && !setup_.not_compiled; ++i) {
    const Json answer = process_->child.ask("compiled");
    if (number(answer, "ms") > 0) continue;
    setup_.not_compiled = text(answer, "problem", "torch.compile ended the process");
    if (answer.empty()) process_ = start(remedy_);
  }
  for (int i = 0; i < 2; ++i) eager_step();
}

double TorchStep::step(const char* how) {
  const Json answer = process_->child.ask(how);
  const double ms = number(answer, "ms");
  if (ms > 0) return ms;
  throw Error("--compare", fmt::format("PyTorch made no step: {}",
                                       text(answer, "problem", "its process ended early")));
}

}  // namespace waiver
