#include "experiment/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "core/error.h"

namespace waiver {

std::string Place::text() const {
  return line == 0 ? source : fmt::format("{}:{}:{}", source, line, column);
}

const Node::Entry* Node::find(std::string_view name) const {
  const auto at = std::find_if(entries.rbegin(), entries.rend(),
                               [&](const Entry& entry) { return entry.name == name; });
  return at == entries.rend() ? nullptr : &*at;
}

Node::Entry* Node::find(std::string_view name) {
  return const_cast<Entry*>(std::as_const(*this).find(name));
}

void Node::add(std::string name, Node value) {
  const Place place = value.place;
  entries.push_back({std::move(name), place, std::move(value)});
}

Node Node::map(Place place) {
  Node node;
  node.kind = Kind::map;
  node.place = std::move(place);
  return node;
}

Node Node::list(Place place) {
  Node node = map(std::move(place));
  node.kind = Kind::list;
  return node;
}

Node Node::text(std::string scalar, Place place, bool quoted) {
  Node node = map(std::move(place));
  node.kind = Kind::scalar;
  node.scalar = std::move(scalar);
  node.quoted = quoted;
  return node;
}

namespace {

/// Builds the tree from the parser's events: these give every place, keep duplicate keys, and let
/// aliases be refused, which could otherwise nest without end.
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& source, const std::optional<Place>& fixed)
      : source_(source), fixed_(fixed) {}

  Node root;

  Place place(const YAML::Mark& mark) const {
    if (fixed_) return *fixed_;
    return mark.is_null() ? Place{source_, 1, 1} : Place{source_, mark.line + 1, mark.column + 1};
  }
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Node node;
    node.place = place(mark);
    put(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw UsageError(place(mark).text(), "aliases (*name) are not read",
                     "Write the value again, or share it through base:.");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    put(Node::text(value, place(mark), tag != "?"));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open_.push_back({Node::list(place(mark)), {}, {}, false});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open_.push_back({Node::map(place(mark)), {}, {}, false});
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    std::string key;
    Place key_place;
    bool has_key;
  };

  void close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    put(std::move(node));
  }
  void put(Node node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Open& top = open_.back();
    if (top.node.is_list()) {
      top.node.items.push_back(std::move(node));
    } else if (top.has_key) {
      top.node.entries.push_back({std::move(top.key), top.key_place, std::move(node)});
      top.has_key = false;
    } else {
      if (!node.is_scalar())
        throw UsageError(node.place.text(), "a key must be a word",
                         "Quote a value that begins with a sign of YAML.");
      top.key = node.scalar;
      top.key_place = node.place;
      top.has_key = true;
    }
  }

  std::string source_;
  std::optional<Place> fixed_;
  std::vector<Open> open_;
};

bool is_flat(const Node& node) {
  for (const Node& item : node.items)
    if (!item.is_scalar()) return false;
  for (const Node::Entry& entry : node.entries) {
    const bool small_list = entry.value.is_list() && is_flat(entry.value);
    if (!entry.value.is_scalar() && !small_list) return false;
  }
  return true;
}

bool is_short(const Node& node) {
  constexpr size_t kLongest = 80;
  return is_flat(node) && emit_flow(node).size() <= kLongest;
}

void write(YAML::Emitter& out, const Node& node, bool flow) {
  flow = flow || is_short(node);
  switch (node.kind) {
    case Node::Kind::null:
      out << YAML::Null;
      break;
    case Node::Kind::scalar:
      if (node.quoted) out << YAML::DoubleQuoted;
      out << node.scalar;
      break;
    case Node::Kind::list:
      out << (flow ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
      for (const Node& item : node.items) write(out, item, flow);
      out << YAML::EndSeq;
      break;
    case Node::Kind::map:
      out << (flow ? YAML::Flow : YAML::Block) << YAML::BeginMap;
      for (const Node::Entry& entry : node.entries) {
        out << YAML::Key << entry.name << YAML::Value;
        write(out, entry.value, flow);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

Node parse_yaml(const std::string& text, const std::string& source,
                const std::optional<Place>& fixed) {
  Builder builder(source, fixed);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      builder.root.place = builder.place(YAML::Mark::null_mark());
      return builder.root;
    }
    Builder second(source, fixed);
    if (parser.HandleNextDocument(second))
      throw UsageError(second.root.place.text(), "a second YAML document begins here",
                       "One file holds one document.");
  } catch (const YAML::Exception& problem) {
    throw UsageError(builder.place(problem.mark).text(), "this is not YAML: " + problem.msg);
  }
  return builder.root;
}

std::string emit_yaml(const Node& node) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  for (const Node::Entry& entry : node.entries) {
    out << YAML::Key << entry.name << YAML::Value;
    write(out, entry.value, false);
  }
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

std::string emit_flow(const Node& node) {
  YAML::Emitter out;
  write(out, node, true);
  return out.c_str();
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find('.') != std::string::npos) return text;
  return text.insert(std::min(text.find('e'), text.size()), ".0");
}

}  // namespace waiver
