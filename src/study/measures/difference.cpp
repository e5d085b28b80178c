#include "study/measures/series_choice.h"

namespace waiver {
namespace {

/// Of two series of one run, at the last row of each.
class Difference : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    v.visit({"minus", "what is subtracted"},
            BlockRef{[this](FieldVisitor& inner) { minus_.visit(inner); }});
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check(config, complain);
    minus_.check(config, [&](const std::string& key, const std::string& what,
                             const std::string& hint) { complain("minus." + key, what, hint); });
  }
  double of(const RunLogs& run) const override {
    return series_.of(run).values.back() - minus_.of(run).values.back();
  }

 private:
  SeriesChoice series_, minus_;
};

}  // namespace

Registered<Measure> difference_kind() {
  return kind_of<Measure, Difference>("difference", "x minus another series, each at its last row");
}

}  // namespace waiver
