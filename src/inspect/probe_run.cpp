#include "inspect/probe_run.h"

#include <fmt/format.h>

#include "core/error.h"
#include "inspect/attention_map.h"
#include "inspect/capture_file.h"
#include "inspect/mechanism_report.h"
#include "inspect/mechanism_series.h"
#include "inspect/probe_json.h"
#include "inspect/probe_report.h"
#include "run/events.h"

namespace waiver {
namespace {

std::string described(const ProbeTokens& tokens, const SavedModel& saved) {
  return fmt::format("{} sequences of {}, tokens {}, bos {}", saved.config.probe.batch,
                     saved.config.model.context,
                     tokens.content == ProbeTokens::Content::natural ? "natural" : "random",
                     tokens.bos == ProbeTokens::Bos::keep ? "keep" : "drop");
}

CapturedPass pass_of(const SavedModel& saved, int64_t sequences, const ProbeTokens& tokens,
                     const WantedPoints& wanted) {
  return capture_pass(*saved.model, *saved.data, static_cast<uint64_t>(saved.config.seed.data),
                      sequences, tokens, wanted);
}

void check_head(const MapOf& head, const ModelConfig& model) {
  const auto check = [](const char* what, int64_t number, int64_t count) {
    if (number < 0 || number >= count)
      throw UsageError("--head", fmt::format("there is no {} {}: this model has {}, counted from 0",
                                             what, number, count));
  };
  check("layer", head.layer, model.layers);
  check("head", head.head, model.heads);
  if (!model.has_attention(head.layer))
    throw UsageError("--head", fmt::format("layer {} has no attention", head.layer));
}

// The attention of the chosen head, or of the strongest, on the first sequence.
std::string map_text(const SavedModel& saved, const ProbeRequest& request, const Log& log,
                     int64_t width) {
  const std::optional<WaiverPlace> strongest = strongest_waiver(log);
  if (!request.head && !strongest) return "No query attends to another token.\n";
  const MapOf at = request.head ? *request.head : MapOf{strongest->layer, strongest->head};
  const CapturedPass pass = pass_of(saved, 1, request.tokens, [&](int64_t layer, Point point) {
    return layer == at.layer && (about(point).is_map() || point == Point::attn_qkv);
  });
  return attention_map(saved, pass, at.layer, at.head, width);
}

std::string write_capture(const SavedModel& saved, const ProbeRequest& request) {
  const auto all = [](int64_t, Point) { return true; };
  Log log = capture_log(saved, pass_of(saved, saved.config.probe.batch, request.tokens, all),
                        request.capture);
  log.flush();
  return fmt::format("{} points of the pass: {}\n", log.names("points").size(),
                     request.capture.string());
}

}  // namespace

std::string probe_run(const std::string& path, const std::vector<std::string>& overrides,
                      const ProbeRequest& request, int64_t width) {
  const std::optional<Given>& given = request.given;
  const Reading reading{
      .probes = true, .mechanism = request.mechanism, .captures = !request.capture.empty()};
  SavedModel saved =
      given ? open_given(path, overrides, *given, reading) : open_saved(path, overrides, reading);
  if (given && request.mechanism) check_mechanism(saved);
  if (request.head) check_head(*request.head, saved.config.model);
  tell(saved.memory);
  load_model(saved);
  Log log = probe_saved(saved, request.tokens, request.out);
  std::optional<Mechanism> mechanism;
  if (request.mechanism) {
    mechanism = mechanism_of(saved);
    write_mechanism(log, {saved.step, *mechanism});
  }
  if (!request.out.empty()) log.flush();
  const std::string captured = request.capture.empty() ? "" : write_capture(saved, request);
  const std::string of = given ? described(*given, saved) : described(request.tokens, saved);
  if (request.json) {
    Json out = {{"checkpoint", saved.checkpoint.string()}, {"step", saved.step}, {"of", of}};
    out.update(probe_json(log));
    if (mechanism) out["mechanism"] = to_json(*mechanism);
    return json_line(out);
  }
  return fmt::format("{} (step {})\n{}\n\n{}{}{}{}{}", saved.checkpoint.string(), saved.step, of,
                     given ? sequence_table(saved, log, width) + "\n" : "",
                     request.maps ? map_text(saved, request, log, width) + "\n" : "",
                     probe_report(log, width), mechanism ? "\n" + to_text(*mechanism, width) : "",
                     captured.empty() ? "" : "\n" + captured);
}

}  // namespace waiver
