#include "run/introduction.h"

#include <fmt/format.h>

#include "core/files/files.h"
#include "core/machine.h"
#include "core/products/gemm.h"

namespace waiver {
namespace {

// Of the products that a run in this precision makes.
std::string rate_text(Precision precision) {
  const double floats = measure_gemm_rate();
  std::string text = fmt::format("sgemm {:.0f} GFLOP/s", floats);
  if (precision == Precision::float32) return text;
  if (bfloat16_unit() == Bfloat16Unit::none)
    return text +
           " · no bfloat16 unit: float32 products of the rounded numbers, which gain nothing";
  const double halves = measure_gemm_rate(Precision::bfloat16);
  return fmt::format("{} · {} {:.0f} GFLOP/s, {:.2f} times that", text, to_text(bfloat16_unit()),
                     halves, halves / floats);
}

std::string crew_text(const Trainer& trainer, const std::string& library) {
  const Deal& deal = trainer.deal();
  const int64_t idle = deal.ranks - deal.busy();
  return fmt::format(
      "{} ranks over {}: {} sums of gradients a step, of which a rank sends up to {}{}.",
      deal.ranks, library, deal.passes(), memory_text(trainer.most_sent()),
      idle == 0 ? "" : fmt::format("; {} of them have nothing to compute: {}", idle, Deal::kIdle));
}

}  // namespace

std::vector<std::string> introduction(const Config& config, const std::string& folder,
                                      const Transformer& model, const Trainer& trainer, Crew& crew,
                                      const MemoryUse& memory) {
  std::vector<std::string> lines = {fmt::format("{} · {} · {} · {}", machine_line(), gemm_version(),
                                                hdf5_version(), rate_text(config.model.precision))};
  for (const std::string& warning : machine_warnings()) lines.push_back("Slow: " + warning);
  lines.push_back(fmt::format("{} · {} layers, {} heads, width {}, context {}, {} · {} parameters",
                              folder, config.model.layers, config.model.heads, config.model.width,
                              config.model.context, config.model.position.name(),
                              model.parameters().count()));
  if (crew.ranks().alone()) {
    lines.push_back(fmt::format("Memory: {}.", memory.text()));
  } else {
    lines.push_back(crew_text(trainer, crew.ranks().library()));
    lines.push_back(fmt::format("Memory of rank 0: {}; of another: about {}.", memory.text(),
                                memory_text(memory.others())));
    for (const std::string& other : crew.other_processors()) lines.push_back(other);
  }
  for (const std::string& note : notes_on(config)) lines.push_back(note);
  return lines;
}

std::string unit_text(const std::string& unit) {
  return unit == to_text(Bfloat16Unit::none) ? "float32 products" : unit;
}

}  // namespace waiver
