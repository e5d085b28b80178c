#include "config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "core/error.h"

namespace waiver {
namespace {

size_t count_keys(const Node& top, const std::set<std::string>& names) {
  return static_cast<size_t>(std::ranges::count_if(
      top.entries, [&](const Node::Entry& entry) { return names.contains(entry.name); }));
}

struct Described {
  Document document;
  std::string what, use;
  std::set<std::string> keys;  // found in such a file only
};

const std::vector<Described>& documents() {
  static const std::vector<Described> all = {{Document::config,
                                              "the config of one run",
                                              "waiver train {} trains it.",
                                              {"model", "data", "train", "probe", "seed"}},
                                             {Document::experiment,
                                              "an experiment of several runs",
                                              "waiver sweep {} trains them.",
                                              {"claims", "curves", "grid", "seeds", "seed_keys",
                                               "set", "pairs", "overrides", "published", "skip"}},
                                             {Document::spec,
                                              "a spec of interventions",
                                              "waiver intervene RUN {} applies it.",
                                              {"arms", "positions"}}};
  return all;
}

}  // namespace

std::optional<Document> document_of(const Node& top) {
  for (const Described& d : documents())
    if (count_keys(top, d.keys) > 0) return d.document;
  return {};
}

void require_document(const Node& top, const std::string& path, Document wanted,
                      const std::string& where) {
  for (const Described& d : documents())
    if (d.document == wanted && count_keys(top, d.keys) > 0) return;
  for (const Described& d : documents())
    if (d.document != wanted && count_keys(top, d.keys) > 0)
      throw UsageError(where.empty() ? path : where + ": " + path, "this is " + d.what,
                       fmt::format(fmt::runtime(d.use), path));
}

}  // namespace waiver
