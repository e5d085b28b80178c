#include "inspect/probe_run.h"

#include <fmt/format.h>

#include "inspect/mechanism_report.h"
#include "inspect/mechanism_series.h"
#include "inspect/probe_json.h"
#include "inspect/probe_report.h"

namespace waiver {
namespace {

std::string described(const ProbeTokens& tokens, const SavedModel& saved) {
  return fmt::format("{} sequences of {}, tokens {}, bos {}", saved.config.probe.batch,
                     saved.config.model.context,
                     tokens.content == ProbeTokens::Content::natural ? "natural" : "random",
                     tokens.bos == ProbeTokens::Bos::keep ? "keep" : "drop");
}

}  // namespace

std::string probe_run(const std::string& path, const std::vector<std::string>& overrides,
                      const ProbeRequest& request, int64_t width) {
  const std::optional<Given>& given = request.given;
  const Reading reading{.probes = true, .mechanism = request.mechanism};
  SavedModel saved =
      given ? open_given(path, overrides, *given, reading) : open_saved(path, overrides, reading);
  if (given && request.mechanism) check_mechanism(saved);
  tell(saved.memory);
  load_model(saved);
  Log log = probe_saved(saved, request.tokens, request.out);
  std::optional<Mechanism> mechanism;
  if (request.mechanism) {
    mechanism = mechanism_of(saved);
    write_mechanism(log, {saved.step, *mechanism});
  }
  if (!request.out.empty()) log.flush();
  const std::string of = given ? described(*given, saved) : described(request.tokens, saved);
  if (request.json) {
    Json out = {{"checkpoint", saved.checkpoint.string()}, {"step", saved.step}, {"of", of}};
    out.update(probe_json(log));
    if (mechanism) out["mechanism"] = to_json(*mechanism);
    return json_line(out);
  }
  return fmt::format("{} (step {})\n{}\n\n{}{}{}", saved.checkpoint.string(), saved.step, of,
                     given ? sequence_table(saved, log, width) + "\n" : "",
                     probe_report(log, width), mechanism ? "\n" + to_text(*mechanism, width) : "");
}

}  // namespace waiver
