#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <initializer_list>
#include <sstream>

#include "core/error.h"
#include "core/text/printable.h"

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

/// Builds the tree from the parser's events: these give every place, keep duplicate keys, and make
/// it possible to refuse aliases, which could otherwise nest without end.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& source, const std::optional<Place>& fixed)
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
    throw UsageError(place(mark).text(), "aliases (*name) are not supported",
                     "Write the value again, or share it through base:.");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    check_tag(mark, tag, {"?", "!", "str", "float", "int", "bool", "null"});
    Node node = Node::text(value, place(mark), tag == "!" || standard(tag) == "str");
    node.tagged = tag != "!" && node.quoted;
    if (standard(tag) == "null") node.kind = Node::Kind::null;
    put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag, {"?", "!", "seq"});
    begin(mark, Node::list(place(mark)));
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag, {"?", "!", "map"});
    begin(mark, Node::map(place(mark)));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    std::string key;
    Place key_place;
    bool has_key;
  };

  // `float` of the tag `!!float`.
  static std::string_view standard(std::string_view tag) {
    constexpr std::string_view front = "tag:yaml.org,2002:";
    return tag.starts_with(front) ? tag.substr(front.size()) : tag;
  }
  void check_tag(const YAML::Mark& mark, std::string_view tag,
                 std::initializer_list<std::string_view> known) const {
    if (tag.empty() || std::ranges::find(known, standard(tag)) != known.end()) return;
    const bool own = standard(tag) == tag;
    throw UsageError(place(mark).text(),
                     fmt::format("the tag {}{} is not supported", own ? "" : "!!", standard(tag)),
                     "Remove it, or quote a text that begins with an exclamation mark.");
  }
  void begin(const YAML::Mark& mark, Node node) {
    constexpr size_t kDeepest = 64;
    if (open_.size() >= kDeepest)
      throw UsageError(place(mark).text(),
                       fmt::format("blocks and lists are nested more than {} deep", kDeepest));
    open_.push_back({std::move(node), {}, {}, false});
  }
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
                         "Quote a value that begins with a special character of YAML.");
      top.key = node.scalar;
      top.key_place = node.place;
      top.has_key = true;
    }
  }

  std::string source_;
  std::optional<Place> fixed_;
  std::vector<Open> open_;
};

// Throws where the text has bytes that no text has.
void check_text(const std::string& text, const std::string& source,
                const std::optional<Place>& fixed) {
  const size_t at = first_non_text(text);
  if (at == text.npos) return;
  const size_t line = text.rfind('\n', at) + 1;  // at the start of the file: npos + 1
  const Place place{source, static_cast<int>(std::count(text.begin(), text.begin() + at, '\n')) + 1,
                    static_cast<int>(at - line) + 1};
  throw UsageError((fixed ? *fixed : place).text(),
                   fmt::format("this is not a text file: a byte in it is \\x{:02x}",
                               static_cast<unsigned char>(text[at])),
                   "A config is UTF-8 text, without control characters.");
}

std::string line_of(const std::string& text, int number) {
  std::istringstream lines(text);
  std::string line;
  for (int i = 0; i <= number && std::getline(lines, line); ++i) {
  }
  return line;
}

// The place of a tab in the indentation of the nearest such line up to `line`.
std::optional<Place> indenting_tab(const std::string& text, const Place& near) {
  for (int number = near.line - 1; number >= 0 && number + 3 >= near.line; --number) {
    const std::string line = line_of(text, number);
    const size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    if (tab != line.npos) return Place{near.source, number + 1, static_cast<int>(tab) + 1};
  }
  return {};
}

// The first pattern in a text that begins with an unquoted star, and the text with such patterns
// quoted.
struct Stars {
  std::string first, all;
};
Stars quote_stars(const std::string& text) {
  Stars out;
  for (size_t at = 0; at < text.size();) {
    const bool starts =
        text[at] == '*' &&
        (at == 0 || std::string_view(" [,{:").find(text[at - 1]) != std::string_view::npos);
    if (!starts) {
      out.all += text[at++];
      continue;
    }
    const size_t end = std::min(text.find_first_of(",]} \n\r\t", at), text.size());
    const std::string word = "\"" + text.substr(at, end - at) + "\"";
    if (out.first.empty()) out.first = word;
    out.all += word;
    at = end;
  }
  return out;
}

bool names_alias(const std::string& problem) {
  return problem.find("alias") != problem.npos || problem.find("anchor") != problem.npos;
}

[[noreturn]] void explain(const YAML::Exception& problem, const std::string& text,
                          const Place& place) {
  if (place.line > 0)
    if (const auto tab = indenting_tab(text, place))
      throw UsageError(tab->text(), "a tab indents this line",
                       "YAML is indented with spaces only.");
  const std::string line = place.line > 0 ? line_of(text, place.line - 1) : text;
  if (const Stars stars = quote_stars(line); !stars.first.empty() && names_alias(problem.msg)) {
    const size_t equals = place.source.find('=');  // `override key=value`
    constexpr std::string_view front = "override ";
    throw UsageError(
        place.text(), "a text that begins with * needs quotes in YAML",
        place.line > 0
            ? fmt::format("Write {}.", stars.first)
            : fmt::format("Write '{}{}', with both kinds of quotes.",
                          place.source.substr(front.size(), equals + 1 - front.size()), stars.all));
  }
  throw UsageError(place.text(), "this is not YAML: " + problem.msg);
}

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
  check_text(text, source, fixed);
  TreeBuilder builder(source, fixed);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      builder.root.place = builder.place(YAML::Mark::null_mark());
      return builder.root;
    }
    TreeBuilder second(source, fixed);
    if (parser.HandleNextDocument(second))
      throw UsageError(second.root.place.text(), "a second YAML document begins here",
                       "One file holds one document.");
  } catch (const YAML::Exception& problem) {
    explain(problem, text, builder.place(problem.mark));
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
