#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/complaints.h"
#include "config/keys.h"
#include "core/files/json.h"
#include "study/measures/series_choice.h"

namespace waiver {

/// A curve that the record of every run keeps, to be drawn without its log.
struct KeptCurve {
  std::string name;
  SeriesChoice series;
  std::string definition = {};  // series and entries as YAML, on one line
  Node written = {};            // as it stands in the file

  void visit(FieldVisitor& v);
};

/// Reads the list `curves:` of a study:
///   - {name: attention, series: probe/received_attention, at: {layer: max, head: max, key: 0}}
/// `series` and `at` as in a claim's measure. Complains of whatever does not fit.
std::vector<KeptCurve> read_curves(const Node& list, Complaints& complaints);
/// Complains of a curve that none of the runs of a study can have.
void check_curves(std::span<const KeptCurve> curves, std::span<const Config* const> runs,
                  Complaints& complaints);

/// {NAME: {curve: DEFINITION, steps: [step], values: [x]}} of those that a run has: at most
/// kCurveRows rows, denser at the beginning, with the first and the last; four significant digits,
/// null where undefined.
Json curves_of(std::span<const KeptCurve> curves, const RunLogs& run);
inline constexpr int64_t kCurveRows = 40;

/// The same from a record. Throws Json::exception where it is something else.
Json checked_curves(const Json& curves);

/// Whether these are of the curves that a study asks for, by their definitions.
bool has_curves(const Json& kept, std::span<const KeptCurve> curves, const Config& config);

}  // namespace waiver
