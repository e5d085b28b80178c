#include "inspect/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "config/config.h"
#include "config/docs.h"
#include "config/document.h"
#include "config/overlay.h"
#include "config/reader.h"
#include "core/error.h"

namespace waiver {
namespace {

constexpr char kMissing[] = "missing; it has no default";
constexpr char kEachLayer[] = "blocks.L.";
constexpr char kPositionsDoc[] =
    "names that edits may use for positions; `waiver` may be omitted, and is then the key that the "
    "strongest head attends to most in the natural pass";

// What a spec holds besides its arms. The file chooses the names of positions.
void visit_file(FieldVisitor& v, InterventionSpec& spec, const Node& positions, int64_t context) {
  v.field({"title", "the title of the spec"}, spec.title);
  v.field({"question", "the question that it is meant to answer"}, spec.question);
  v.visit({"positions", kPositionsDoc}, BlockRef{[&](FieldVisitor& inner) {
            for (const Node::Entry& entry : positions.entries)
              inner.field({entry.name, "", from_below(0, static_cast<double>(context))},
                          spec.positions[entry.name]);
          }});
}

void visit_arm(FieldVisitor& v, std::string& name) {
  v.field(Field{"name", "the arm's name, unique in the spec"}.must_be_given(), name);
}

// Takes a list out of a map.
std::vector<Node> take_list(Node& map, const std::string& name, const std::string& key,
                            Complaints& complaints) {
  const Node::Entry* entry = map.find(name);
  if (!entry) {
    complaints.add(map.place, key, kMissing);
    return {};
  }
  if (!entry->value.is_list())
    complaints.add(entry->place, key, "expected a list of blocks",
                   name == "edits" ? "Write edits: [] for none." : "");
  std::vector<Node> items = entry->value.items;
  std::erase_if(map.entries, [&](const Node::Entry& e) { return e.name == name; });
  return items;
}

/// Reads edits and checks them against the model.
struct EditReader {
  const ModelConfig& model;
  int64_t vocabulary;
  PositionNames names;

  EditConfig read(Node item, const std::string& key, Complaints& complaints) const {
    Node::Entry* at = item.find("at");
    if (at && at->value.is_scalar()) {  // a single point needs no brackets
      Node list = Node::list(at->value.place);
      list.items.push_back(at->value);
      at->value = std::move(list);
    }
    EditConfig edit;
    Complaints own;
    read_item(
        item, key, edit, [](FieldVisitor& v, EditConfig& e) { e.visit(v); }, {}, own);
    if (item.is_map() && !at) own.add(item.place, key + ".at", kMissing);
    if (own.empty()) try_out(edit, item.place, key, own);
    complaints.add(own);
    return edit;
  }

 private:
  // The names, `waiver` among them, for which any place that the edit does not name otherwise will
  // do.
  PositionNames with_waiver(const EditConfig& edit) const {
    PositionNames out = names;
    const auto taken = [&](int64_t place) {
      return std::ranges::count(edit.positions, std::to_string(place)) > 0 ||
             std::ranges::any_of(names, [&](const auto& name) { return name.second == place; });
    };
    int64_t place = 0;
    while (place + 1 < model.context && taken(place)) ++place;
    out.try_emplace(kWaiver, place);
    return out;
  }
  void try_out(const EditConfig& edit, const Place& place, const std::string& key,
               Complaints& complaints) const {
    try {
      const Edits edits({edit}, model, model.context, with_waiver(edit));
      std::vector<int32_t> ids(model.context);
      edits.edit_tokens(ids, vocabulary);
      std::iota(ids.begin(), ids.end(), 0);
      edits.edit_positions(ids);
    } catch (const UsageError& error) {
      const std::string text = error.what();  // `edits[0]: …`, whose place is better known here
      complaints.add(place, key, text.substr(text.find(": ") + 2));
    }
  }
};

InterventionArm read_arm(Node item, size_t index, const EditReader& reader,
                         Complaints& complaints) {
  InterventionArm arm;
  std::string key = fmt::format("arms[{}]", index);
  const Place place = item.place;
  std::vector<Node> edits;
  if (item.is_map()) edits = take_list(item, "edits", key + ".edits", complaints);
  read_item(item, key, arm.name, visit_arm, {separate_key(key + ".edits")}, complaints);
  if (!arm.name.empty()) key = "arms." + arm.name;
  for (size_t i = 0; i < edits.size(); ++i)
    arm.edits.push_back(reader.read(edits[i], fmt::format("{}.edits[{}]", key, i), complaints));
  return arm;
}

// Puts a number for the L of `blocks.L.` in the points of an arm's edits; whether there is one.
bool number_layer(Node& arm, int64_t layer) {
  bool found = false;
  const auto number = [&](Node& point) {
    if (!point.is_scalar() || !point.scalar.starts_with(kEachLayer)) return;
    point.scalar.replace(0, std::size(kEachLayer) - 1, fmt::format("blocks.{}.", layer));
    found = true;
  };
  Node::Entry* edits = arm.find("edits");
  if (!edits) return false;
  for (Node& edit : edits->value.items)
    if (Node::Entry* at = edit.find("at")) {
      number(at->value);
      for (Node& point : at->value.items) number(point);
    }
  return found;
}

// An arm, or where its points leave the block open, one for each block with its number in the name.
std::vector<Node> arms_of(const Node& item, int64_t layers) {
  std::vector<Node> arms;
  for (int64_t layer = 0; layer < layers; ++layer) {
    Node arm = item;
    if (!number_layer(arm, layer)) return {item};
    if (Node::Entry* name = arm.find("name"); name && name->value.is_scalar())
      name->value.scalar += fmt::format(" {}", layer), name->value.quoted = true;
    arms.push_back(std::move(arm));
  }
  return arms;
}

std::vector<InterventionArm> read_arms(const std::vector<Node>& items, const EditReader& reader,
                                       Complaints& complaints) {
  std::vector<InterventionArm> arms;
  std::set<std::string> names;
  for (size_t i = 0; i < items.size(); ++i)
    for (const Node& item : arms_of(items[i], reader.model.layers)) {
      Complaints own;
      arms.push_back(read_arm(item, i, reader, own));
      if (const std::string& name = arms.back().name; !name.empty() && !names.insert(name).second)
        own.add(item.place, fmt::format("arms[{}].name", i),
                fmt::format("two arms are called \"{}\"", name));
      complaints.add(own);
      if (!own.empty()) break;  // what is wrong in one block is wrong in all
    }
  return arms;
}

void check_names(const Node& positions, Complaints& complaints) {
  for (const Node::Entry& entry : positions.entries)
    if (entry.name.find_first_not_of("0123456789") == entry.name.npos)
      complaints.add(entry.place, "positions." + entry.name,
                     "a number cannot be the name of a position");
}

}  // namespace

InterventionSpec load_intervention(const std::string& path, std::span<const std::string> overrides,
                                   const ModelConfig& model, int64_t vocabulary) {
  Complaints complaints;
  InterventionSpec spec;
  spec.path = path;
  spec.text = read_text(path);
  Node file = read_map(spec.text, path, complaints);
  require_document(file, path, Document::spec);
  merge(file, read_overrides(overrides, config_keys()), config_keys(), false);
  const Node::Entry* given = file.find("positions");
  const Node positions = given && given->value.is_map() ? given->value : Node::map();
  if (const Node::Entry* arms = file.find("arms"); arms && arms->value.is_list())
    if (arms->value.items.empty()) complaints.add(arms->value.place, "arms", "the list is empty");
  const std::vector<Node> arms = take_list(file, "arms", "arms", complaints);

  InterventionSpec other;
  auto keys = collect_keys([&](FieldVisitor& v) { visit_file(v, other, positions, 1); });
  keys.push_back(separate_key("arms"));
  read_fields(
      file, [&](FieldVisitor& v) { visit_file(v, spec, positions, model.context); }, keys,
      complaints);
  check_names(positions, complaints);
  EditReader reader{model, vocabulary, spec.positions};
  spec.arms = read_arms(arms, reader, complaints);
  complaints.throw_if_any();
  return spec;
}

std::vector<KeyInfo> intervention_keys() {
  return collect_keys([](FieldVisitor& v) {
    InterventionSpec spec;
    visit_file(v, spec, Node::map(), 1);
    v.visit(
        {"arms[]", "variants of the pass, each compared with the natural one"},
        BlockRef{[](FieldVisitor& arm) {
          std::string name;
          visit_arm(arm, name);
          EditConfig edit;
          arm.field({"edits[]", "applied in this order; `edits: []` is the natural pass"}, edit);
        }});
  });
}

}  // namespace waiver
