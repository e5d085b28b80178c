#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "cli/options.h"
#include "cli/paths.h"
#include "cli/serve.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/output.h"
#include "core/stop.h"
#include "core/text/shell.h"
#include "report/page.h"
#include "report/report.h"
#include "run/directory.h"
#include "study/index.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

struct ReportCall {
  ReportRequest request;
  std::string path, out, given;
  bool watch = false, runs = false;
  int port = 0;
};

void watch(const ReportRequest& request, int port) {
  require_d3();
  const auto json = [&] { return page_json(report_data(request)); };
  const auto html = [&] {
    const Json data = report_data(request);
    return page_html(data.value("title", data.value("name", "")), page_json(data), true);
  };
  html();  // what is wrong with it is said here
  serve_page({html, json}, port, [](const std::string& address) {
    print_result("{} shows the page and follows the run; Ctrl-C ends it.\n", address);
  });
  throw Stopped("The page is not served any more.");
}

// The pages of a sweep's runs, before its own, which links to them.
void write_runs(const fs::path& sweep) {
  for (const SweepIndex::Run& run : SweepIndex::read(sweep).runs) try {
      if (const fs::path folder = sweep / run.name; fs::exists(folder / "log.h5"))
        write_report({folder, {}, {}});
    } catch (const Error& problem) {
      print_notice(fmt::format("No page of this run: {}\n", problem.what()));
    }
}

void report(ReportCall& call) {
  ReportRequest& request = call.request;
  request.path = call.path;
  request.out = call.out;
  const bool sweep = is_sweep(request.path);
  if (!sweep) {
    require_run(call.path, "report");
    if (!is_run(request.path))
      throw UsageError(call.path, "this is not the folder of a run or a sweep",
                       "Give RUN, as in runs/NAME, or the folder of a sweep.");
    if (call.runs) throw UsageError("--runs", "only a sweep has runs", "Omit it.");
  }
  if (sweep && request.given)
    throw UsageError("--text", "only one model can be looked at on a text",
                     "Give one of the sweep's runs.");
  if (call.watch) return watch(request, call.port);
  if (call.runs) write_runs(request.path);
  write_report(request);
  print_result("{}\n", shell_word(request.file().string()));
}

}  // namespace

void add_report(Verb& program) {
  Verb verb = program.add("report", "Write a page with every figure of a run or a sweep");
  auto call = std::make_shared<ReportCall>();
  verb.add("run", call->path, "a run directory or a sweep's folder").required();
  const Option out =
      verb.add("--out", call->out, "the page's file; default: report.html there").type("FILE");
  verb.add("--runs", call->runs, "of a sweep: also the page of each run, to which its own links");
  const Option text =
      verb.add("--text", call->given,
               "a text on which to look at the newest checkpoint, instead of the log")
          .type("TEXT");
  const Option file =
      verb.add("--token-file", call->given, "the same with token ids, as for waiver probe")
          .type("FILE")
          .excludes(text);
  const Option watched = verb.add("--watch", call->watch,
                                  "serve the page on 127.0.0.1 and follow the run while it trains")
                             .excludes(out);
  verb.add("--port", call->port, "with --watch: the port; 0: any that is free")
      .between(0, 65535)
      .shows_default()
      .needs(watched);
  add_threads(verb);
  verb.runs([call, text, file] {
    if (text.given()) call->request.given = Given{call->given, {}};
    if (file.given()) call->request.given = Given{{}, call->given};
    report(*call);
  });
}

}  // namespace waiver
