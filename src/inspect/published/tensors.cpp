#include "inspect/published/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "inspect/published/links.h"

namespace waiver {
namespace {

std::string where(const HubFolder& folder, const std::string& stored) {
  return fmt::format("{}, tensor {}", folder.file_of(stored).string(), stored);
}

}  // namespace

// The family's own name first; each with and without the prefix.
std::vector<std::string> FamilyTensors::spellings(const std::string& name, bool all) const {
  std::vector<std::string> out = {name};
  for (const Family::Alias& alias : family_.aliases)
    if (name.ends_with(alias.ending) && (tied_ || !alias.only_tied || all))
      out.push_back(name.substr(0, name.size() - alias.ending.size()) + std::string(alias.other));
  for (size_t i = 0, full = out.size(); i < full; ++i)
    if (out[i].starts_with(family_.prefix)) out.push_back(out[i].substr(family_.prefix.size()));
  return out;
}

std::string FamilyTensors::stored(const std::string& name) const {
  for (const std::string& spelling : spellings(name))
    if (folder_.find(spelling)) return spelling;
  return {};
}

std::vector<float> FamilyTensors::numbers(const std::string& stored) const {
  std::vector<float> out(folder_.find(stored)->shape.size());
  folder_.read(stored, out.data());
  return out;
}

bool FamilyTensors::same(const std::string& a, const std::string& b) const {
  const std::string one = stored(a), other = stored(b);
  if (one.empty() || other.empty()) return false;
  return folder_.find(one)->shape == folder_.find(other)->shape && numbers(one) == numbers(other);
}

TensorNames FamilyTensors::names() const {
  return {[this](const std::string& name) { return !stored(name).empty(); },
          [this](const std::string& a, const std::string& b) { return same(a, b); }};
}

void FamilyTensors::check(const std::vector<Link>& links) const {
  for (const Link& link : links) {
    const std::string name = stored(link.tensor);
    if (name.empty())
      throw UsageError(
          folder_.path().string(), fmt::format("the tensor {} is missing", link.tensor),
          fmt::format("A model of the family {} with this config.json has it.", family_.name));
    const SafetensorsEntry& entry = *folder_.find(name);
    if (!(entry.shape == link.shape))
      throw UsageError(where(folder_, name),
                       fmt::format("its shape is {}, but with this config.json it is {}",
                                   entry.shape.text(), link.shape.text()));
    if (!entry.readable())
      throw UsageError(
          where(folder_, name),
          fmt::format("its numbers are {}; F32, F16 and BF16 can be read", entry.dtype));
  }
  refuse_surplus(links);
}

void FamilyTensors::refuse_surplus(const std::vector<Link>& links) const {
  std::set<std::string> known;
  for (const Link& link : links) {
    for (const std::string& spelling : spellings(link.tensor, true)) known.insert(spelling);
    refuse_other_copy(link.tensor);
  }
  if (tied_)
    for (const std::string& spelling : spellings(std::string(family_.head))) known.insert(spelling);
  for (const std::string& name : folder_.names()) {
    if (known.contains(name)) continue;
    if (std::ranges::any_of(family_.ignored, [&](std::string_view p) { return matches(p, name); }))
      continue;
    throw UsageError(where(folder_, name), "nothing in the model belongs to it",
                     fmt::format("A model of the family {} with this config.json has no such "
                                 "tensor.",
                                 family_.name));
  }
}

// One tensor in two spellings. Where the output layer is not tied, transformers uses the first.
void FamilyTensors::refuse_other_copy(const std::string& name) const {
  const std::string used = stored(name);
  for (const std::string& spelling : spellings(name))
    if (tied_ && spelling != used && folder_.find(spelling) && numbers(spelling) != numbers(used))
      throw UsageError(where(folder_, spelling),
                       fmt::format("it holds other numbers than {}, and is the same tensor", used));
}

void FamilyTensors::read(const std::vector<Link>& links, ParameterSet& parameters) const {
  std::map<std::string, Parameter*> by_name;
  for (Parameter& p : parameters.all()) by_name[p.name] = &p;
  std::map<std::string, int64_t> filled;
  std::string held;
  std::vector<float> tensor;
  for (const Link& link : links) {
    if (link.tensor != held) tensor = numbers(stored(held = link.tensor));
    Parameter& p = *by_name.at(link.parameter);
    copy_in(link, tensor.data(), p);
    filled[p.name] += link.count * (link.shape.size() / link.shape[0]);
  }
  for (const Parameter& p : parameters.all())
    if (filled[p.name] != p.shape.size())
      throw Error(folder_.path().string(),
                  fmt::format("of the parameter {}, only {} of {} numbers are given", p.name,
                              filled[p.name], p.shape.size()));
}

}  // namespace waiver
