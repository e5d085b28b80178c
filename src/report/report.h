#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/files/json.h"
#include "inspect/given.h"

namespace waiver {

/// Whose page is wanted, and where.
struct ReportRequest {
  std::filesystem::path path;  // of a run or a sweep
  std::filesystem::path out;   // the page's file; empty: PATH/report.html
  std::optional<Given> given;  // look at the newest checkpoint on these tokens, not at the log

  std::filesystem::path file() const { return out.empty() ? path / "report.html" : out; }
};

/// The data of the page (report/run_data.h, report/sweep_data.h). A run that is not finished gives
/// a page that says so and what is missing. Throws UsageError where a run has no log and nothing is
/// given to look at, as one that was imported, and as open_given does.
Json report_data(const ReportRequest& request);

/// Writes the page in one step. Throws UsageError, before anything is read, where its file is there
/// and no page of this program, or its folder is missing; and as require_d3 and report_data do.
void write_report(const ReportRequest& request);

}  // namespace waiver
