#include "probe/metrics/docs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "probe/metrics/metric.h"

namespace waiver {
namespace {

std::string row(const RegisteredMetric& metric, const SeriesSpec& spec) {
  std::string measured = metric.when == When::on_demand ? "on demand" : "in training";
  if (metric.suited) measured += fmt::format("; {}", metric.suited->what);
  std::string description;
  for (const char c : spec.description) description += c == '|' ? "\\|" : std::string(1, c);
  return fmt::format("| `{}` | {} | {} | {} | {} | {}: {} |\n", spec.name,
                     fmt::join(spec.axes, ", "), spec.units, interval_text(spec.range), measured,
                     spec.long_name, description);
}

}  // namespace

std::string metric_docs() {
  std::string text =
      "# What a probe measures\n\n"
      "Every series of `/probe` has these axes after the step. Layers, heads and positions count "
      "from 0. A block without attention has NaN in the series of attention. *In training*: at "
      "every probe of a run and by `waiver probe`; *on demand*: by `waiver probe` only.\n\n"
      "| series | axes | unit | range | measured | formula and source |\n"
      "|---|---|---|---|---|---|\n";
  for (const RegisteredMetric& metric : metrics())
    for (const SeriesSpec& spec : metric.make()->series()) text += row(metric, spec);
  return text;
}

}  // namespace waiver
