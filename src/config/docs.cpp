#include "config/docs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/config.h"
#include "config/suggest.h"
#include "core/error.h"

namespace waiver {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string allowed(const KeyInfo& key) {
  if (key.choices.empty()) return key.allowed;
  std::string text;
  for (const Choice& choice : key.choices) {
    text += fmt::format("{}`{}`", text.empty() ? "" : "<br>", choice.name);
    if (!choice.alias.empty()) text += fmt::format(" (or `{}`)", choice.alias);
    text += fmt::format(": {}", choice.doc);
  }
  return text;
}

bool same_meaning(const KeyInfo& a, const KeyInfo& b) {
  return a.name == b.name && a.type == b.type && a.condition == b.condition &&
         a.allowed == b.allowed && a.default_value == b.default_value && a.doc == b.doc;
}

// Every key, with what several kinds share listed once.
std::vector<KeyInfo> distinct_keys() {
  std::vector<KeyInfo> out;
  for (const KeyInfo& key : config_keys()) {
    const auto same = std::ranges::find_if(out, [&](auto& k) { return same_meaning(k, key); });
    if (same == out.end()) {
      out.push_back(key);
      continue;
    }
    for (const std::string& value : key.values)
      if (std::ranges::find(same->values, value) == same->values.end())
        same->values.push_back(value);
  }
  return out;
}

std::string key_docs(std::string only) {
  if (only.ends_with(".kind")) only.resize(only.rfind('.'));  // `position` is `position.kind`
  std::string text = kKeyTable;
  bool found = false;
  for (const KeyInfo& key : distinct_keys()) {
    if (key.name != only && !key.name.starts_with(only + ".")) continue;
    found = true;
    if (key.type != KeyInfo::Type::block) text += key_row(key);
  }
  if (!found) throw UsageError(only, "unknown key", nearest_key(config_keys(), only));
  return text;
}

}  // namespace

std::string key_row(const KeyInfo& key) {
  std::string name = "`" + key.name + "`";
  if (!key.condition.empty())
    name += fmt::format(" ({}: {})", key.condition.substr(key.condition.rfind('.') + 1),
                        fmt::join(key.values, ", "));
  const std::string initial =
      key.default_value.empty() ? "must be given" : "`" + key.default_value + "`";
  return fmt::format("| {} | {} | {} | {} |\n", name, escaped(initial), escaped(allowed(key)),
                     escaped(key.doc));
}

std::string config_docs(const std::string& only) {
  if (!only.empty()) return key_docs(only);
  std::string text =
      "# Every key of a run's config\n\n"
      "Nest the keys in the file (`model: {width: 64}`); on the command line join them with dots "
      "(`model.width=64`). The file that `base:` names (a path relative to the file that names it) "
      "overrides the defaults, the file itself overrides its base, and the command line overrides "
      "all. A block of another `kind` keeps no options of the kind that it replaces. Where a kind "
      "needs no options, its name is enough: `position: rope` is `position: {kind: rope}`, and "
      "`model.position.kind=rope` is `model.position=rope`. A list of kinds has one per layer: "
      "`position: [none, {kind: rope, base: 100.0}]`.\n";
  for (const KeyInfo& key : distinct_keys()) {
    const bool top = key.name.find('.') == key.name.npos;
    if (top) text += fmt::format("\n## {}\n\n", key.name);
    if (top && key.type == KeyInfo::Type::block) text += escaped(key.doc) + ".\n\n";
    if (top) text += kKeyTable;
    if (key.type != KeyInfo::Type::block) text += key_row(key);
  }
  return text;
}

}  // namespace waiver
