#include "config/writer.h"

#include <fmt/format.h>

namespace waiver {
namespace {

// A value as a node.
Node node_of(int64_t value) { return Node::text(fmt::format("{}", value)); }
Node node_of(double value) { return Node::text(number_text(value)); }
Node node_of(const std::string& value) { return Node::text(value, {}, true); }

// The value that a reference refers to.
Node node_at(const int64_t* value) { return node_of(*value); }
Node node_at(const double* value) { return node_of(*value); }
Node node_at(const bool* value) { return Node::text(*value ? "true" : "false"); }
Node node_at(const std::string* value) { return node_of(*value); }
template <class T>
Node node_at(const std::vector<T>* values) {
  Node list = Node::list();
  for (const T& value : *values) list.items.push_back(node_of(value));
  return list;
}
Node node_at(const WordRef& ref) { return Node::text(std::string(ref.word())); }
Node node_at(const BlockRef& block) { return write_fields(block.visit); }
Node node_at(const KindRef& ref) {
  Node map = Node::map();
  map.add("kind", node_at(ref.kind));
  Node options = write_fields([&](FieldVisitor& v) { ref.options(v, ref.kind.chosen); });
  if (options.entries.empty()) return node_at(ref.kind);
  for (Node::Entry& entry : options.entries) map.entries.push_back(std::move(entry));
  return map;
}
Node node_at(const KindsRef& kinds) {
  if (*kinds.count == 0) return node_at(kinds.item(0));
  Node list = Node::list();
  for (size_t i = 0; i < *kinds.count; ++i) list.items.push_back(node_at(kinds.item(i)));
  return list;
}

/// Writes what it visits into a map.
class Writer : public FieldVisitor {
 public:
  explicit Writer(Node& map) : map_(map) {}
  void visit(const Field& field, const Ref& value) override {
    if (!field.condition.holds) return;
    map_.add(std::string(field.name), std::visit([](auto ref) { return node_at(ref); }, value));
  }

 private:
  Node& map_;
};

}  // namespace

Node write_fields(const Visit& visit) {
  Node map = Node::map();
  Writer writer(map);
  visit(writer);
  return map;
}

}  // namespace waiver
