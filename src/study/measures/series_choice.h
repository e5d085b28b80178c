#pragma once

#include <map>
#include <string>
#include <vector>

#include "probe/events/onset.h"
#include "study/measures/measure.h"

namespace waiver {

/// A number for each row of a series.
struct Curve {
  std::vector<int64_t> steps;
  std::vector<double> values;
};

/// A series of the log by name, `probe/enrichment`, brought to one number a row: each of its axes
/// takes an entry (by number or, where entries have names, by name), `strongest` (the layer, head
/// or key that the run's strongest waiver is at), or the max, min or mean over all its entries that
/// are defined. The last axis goes first: {head: max, key: mean} is the largest of the heads'
/// means.
class SeriesChoice {
 public:
  using Entries = std::map<std::string, std::string>;  // by axis; empty: not given

  explicit SeriesChoice(std::string series = {}, Entries at = {})
      : series_(std::move(series)), at_(std::move(at)) {}
  void visit(FieldVisitor& v);
  void check(const Config& config, const Complain& complain) const;
  /// The same for what needs rows over the steps of training.
  void check_over_steps(const Config& config, const Complain& complain) const;
  Curve of(const RunLogs& run) const;
  std::string group() const { return series_.substr(0, series_.find('/')); }

 private:
  std::string series_;
  Entries at_;
};

/// Complains where no run logs a series of this name; returns its description, or null where none
/// does.
const SeriesSpec* check_series(const std::string& series, const std::string& key,
                               const Config& config, const Complain& complain);
/// Complains where a series with a row for each evaluation has one alone, at the end.
void check_evaluated(const std::string& series, const std::string& key, const Config& config,
                     const Complain& complain);
/// Throws Undefined where there are too few rows for an onset, which is then not never.
void require_rows_of_onset(size_t rows);
/// The group and the name of `group/name`.
std::pair<std::string, std::string> split_series(const std::string& series);
/// A series without further axes. Throws Undefined where the log lacks it.
Curve read_curve(const RunLogs& run, const std::string& series);

/// Exactly one of `above` and `below`.
class Crossing {
 public:
  void visit(FieldVisitor& v);
  void check(const Complain& complain) const;
  Side side() const { return std::isnan(above_) ? Side::below : Side::above; }
  double threshold() const { return std::isnan(above_) ? below_ : above_; }

 private:
  double above_ = NAN, below_ = NAN;  // NaN: not given
};

}  // namespace waiver
