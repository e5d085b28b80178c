#include "inspect/published/export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/files/files.h"
#include "core/files/safetensors.h"
#include "inspect/published/family.h"
#include "inspect/published/links.h"

namespace waiver {
namespace fs = std::filesystem;
namespace {

// What a trained model depends on: not how its weights began, nor the precision of its products.
FieldTexts::Texts settings_of(ModelConfig model) {
  model.init = {};
  model.dropout = {};
  model.precision = Precision::float32;
  if (model.kv_heads == model.heads) model.kv_heads = 0;
  if (model.head_width * model.heads == model.width) model.head_width = 0;
  FieldTexts::Texts out = FieldTexts::of(std::move(model));
  std::erase_if(out, [](const auto& setting) {
    return setting.first.ends_with(".std") || setting.first.ends_with("strong.at");
  });
  return out;
}

// Our settings that the family cannot say, or says otherwise.
std::vector<std::string> unsaid(const FieldTexts::Texts& ours, const FieldTexts::Texts& theirs) {
  std::vector<std::string> out;
  for (const auto& [key, text] : ours) {
    const auto at = theirs.find(key);
    if (at == theirs.end() || at->second != text)
      out.push_back(fmt::format("model.{} = {}", key, text));
  }
  return out;
}

/// What a family makes of a model, or why it cannot.
struct Attempt {
  const Family* family;
  Json config;
  std::vector<Link> links;
  std::vector<std::string> unsaid;
  bool refused = false;  // what it wrote cannot be read back at all
};

Attempt attempt(const Family& family, const ModelConfig& model, int64_t vocabulary) {
  const FieldTexts::Texts ours = settings_of(model);
  Attempt out{&family, family.write(model, ours, vocabulary), {}, {}};
  try {
    const TensorNames names{
        [&](const std::string& name) { return name != family.head || !model.output.tied; },
        [](const std::string&, const std::string&) { return true; }};
    const Json read = family.read({HubConfig("", out.config), names});
    const Config back = parse_config(
        json_text(
            Json{{"model", read}, {"data", "tokens"}, {"train", {{"objective", "masked_token"}}}}),
        "");
    out.unsaid = unsaid(ours, settings_of(back.model));
    if (out.unsaid.empty()) out.links = family.links(model, vocabulary);
  } catch (const UsageError& reason) {
    out.unsaid.push_back(reason.problem());
    out.refused = true;
  }
  return out;
}

// The first family that can say all of it.
Attempt best_attempt(const SavedWeights& saved, const std::string& wanted) {
  std::vector<Attempt> tried;
  std::vector<std::string_view> known;
  for (const Family& family : families()) {
    known.push_back(family.name);
    if (!wanted.empty() && family.name != wanted) continue;
    tried.push_back(attempt(family, saved.config, saved.model->vocabulary()));
    if (tried.back().unsaid.empty()) return tried.back();
  }
  if (tried.empty())
    throw UsageError("--family", fmt::format("'{}' is not a family that Waiver writes", wanted),
                     fmt::format("It writes {}.", fmt::join(known, ", ")));
  const Attempt& nearest = *std::ranges::min_element(
      tried, {}, [](const Attempt& a) { return std::pair(a.refused, a.unsaid.size()); });
  constexpr size_t kShown = 3;
  std::vector<std::string> shown = nearest.unsaid;
  shown.resize(std::min(shown.size(), kShown));
  throw UsageError(
      saved.checkpoint.string(),
      fmt::format("no published family has such models; the nearest, {}, cannot say {}{}",
                  nearest.family->name, fmt::join(shown, ", "),
                  nearest.unsaid.size() > kShown ? ", …" : ""));
}

// The tensors' numbers, in the order of the links.
std::map<std::string, std::pair<Shape, std::vector<float>>> tensors_of(
    const Transformer& model, const std::vector<Link>& links) {
  std::map<std::string, const Parameter*> by_name;
  for (const Parameter& p : model.parameters().all()) by_name[p.name] = &p;
  std::map<std::string, std::pair<Shape, std::vector<float>>> out;
  for (const Link& link : links) {
    auto& [shape, numbers] = out[link.tensor];
    shape = link.shape;
    numbers.resize(link.shape.size());  // what no link covers is 0: RoBERTa's unused positions
    copy_out(link, *by_name.at(link.parameter), numbers.data());
  }
  return out;
}

}  // namespace

std::string export_published(const SavedWeights& saved, const std::string& place,
                             const std::string& family) {
  fs::path folder = fs::path(place).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  if (folder.empty()) throw UsageError("--out", "it names no folder", "Give --out FOLDER.");
  const Attempt found = best_attempt(saved, family);
  if (fs::symlink_status(folder).type() != fs::file_type::not_found)
    throw UsageError(folder.string(), "there is something already",
                     "Choose another place with --out.");
  auto tensors = tensors_of(*saved.model, found.links);
  std::vector<NamedTensor> named;
  for (auto& [name, tensor] : tensors)
    named.push_back({name, {tensor.second.data(), tensor.first}});
  const fs::path unfinished = temporary_of(folder);
  try {
    make_folder(unfinished);
    write_json(unfinished / "config.json", found.config);
    write_safetensors(unfinished / "model.safetensors", named, {{"format", "pt"}});
    move_path(unfinished, folder);
  } catch (...) {
    for (const char* name : {"config.json", "model.safetensors"}) remove_path(unfinished / name);
    remove_if_empty(unfinished);
    throw;
  }
  return std::string(found.family->name);
}

}  // namespace waiver
