#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waiver {

/// Where something was written. Lines and columns count from 1; line 0: the source has no lines.
struct Place {
  std::string source;  // a file, or `override key=value`
  int line = 0;
  int column = 0;

  std::string text() const;
};

/// A piece of a YAML document: what was written, and where.
struct Node {
  enum class Kind { null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::null;
  std::string scalar;
  bool quoted = false;  // a quoted scalar is text, whatever it looks like
  bool tagged = false;  // quoted only by the tag !!str
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file; a name may occur twice
  Place place;

  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_null() const { return kind == Kind::null; }

  /// The last entry of that name, or null.
  const Entry* find(std::string_view name) const;
  Entry* find(std::string_view name);
  void add(std::string name, Node value);

  static Node map(Place place = {});
  static Node list(Place place = {});
  static Node text(std::string scalar, Place place = {}, bool quoted = false);
};

struct Node::Entry {
  std::string name;
  Place place;
  Node value;
};

/// Calls `leaf(dotted key, entry)` for everything below `node` that is not itself a map.
template <class Leaf>
void for_each_leaf(const Node& node, const std::string& prefix, const Leaf& leaf) {
  for (const Node::Entry& entry : node.entries) {
    const std::string key = prefix.empty() ? entry.name : prefix + "." + entry.name;
    if (entry.value.is_map())
      for_each_leaf(entry.value, key, leaf);
    else
      leaf(key, entry);
  }
}

/// The one document in `text`. Throws UsageError, with the place, where it is not plain YAML:
/// syntax errors, bytes that are not text, aliases, custom tags, keys that are not words, excessive
/// nesting, a second document. Where `fixed` is given, it replaces every place.
Node parse_yaml(const std::string& text, const std::string& source,
                const std::optional<Place>& fixed = {});

/// Small maps and lists on one line, `{kind: rope, base: 10000.0}`; blocks otherwise.
std::string emit_yaml(const Node& node);
/// All on one line.
std::string emit_flow(const Node& node);

/// The shortest text that reads back as the same number, always with a point.
std::string number_text(double value);

}  // namespace waiver
