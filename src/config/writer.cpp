#include "config/writer.h"

#include <fmt/format.h>

namespace waiver {
namespace {

Node number(int64_t value) { return Node::text(fmt::format("{}", value)); }
Node number(double value) { return Node::text(number_text(value)); }

/// Writes what it visits into a map.
class Writer : public FieldVisitor {
 public:
  explicit Writer(Node& map) : map_(map) {}

  void field(std::string_view name, int64_t& value, Range, std::string_view) override {
    map_.add(std::string(name), number(value));
  }
  void field(std::string_view name, double& value, Range, std::string_view) override {
    map_.add(std::string(name), number(value));
  }
  void field(std::string_view name, bool& value, std::string_view) override {
    map_.add(std::string(name), Node::text(value ? "true" : "false"));
  }
  void field(std::string_view name, std::string& value, bool, std::string_view) override {
    map_.add(std::string(name), Node::text(value, {}, true));
  }
  void field(std::string_view name, std::vector<int64_t>& value, size_t, Range,
             std::string_view) override {
    list(name, value);
  }
  void field(std::string_view name, std::vector<double>& value, size_t, Range,
             std::string_view) override {
    list(name, value);
  }
  void field(std::string_view name, std::vector<std::string>& value, std::string_view) override {
    Node list = Node::list();
    for (const std::string& text : value) list.items.push_back(Node::text(text, {}, true));
    map_.add(std::string(name), std::move(list));
  }
  void choice(std::string_view name, std::string& value, std::span<const Choice>,
              std::string_view) override {
    map_.add(std::string(name), Node::text(value));
  }
  void block(std::string_view name, std::string_view,
             const std::function<void(FieldVisitor&)>& visit) override {
    Node inner = Node::map();
    Writer writer(inner);
    visit(writer);
    map_.add(std::string(name), std::move(inner));
  }
  void kind(std::string_view name, std::string& kind, std::span<const Choice>, std::string_view,
            const std::function<void(FieldVisitor&)>& options) override {
    Node inner = Node::map();
    inner.add("kind", Node::text(kind));
    Writer writer(inner);
    options(writer);
    map_.add(std::string(name), inner.entries.size() > 1 ? std::move(inner) : Node::text(kind));
  }
  void kinds(std::string_view name, size_t& count,
             const std::function<void(FieldVisitor&, size_t)>& item) override {
    if (count == 0) return item(*this, 0);
    Node list = Node::list();
    for (size_t i = 0; i < count; ++i) {
      Node map = Node::map();
      Writer writer(map);
      item(writer, i);
      list.items.push_back(std::move(map.entries.front().value));
    }
    map_.add(std::string(name), std::move(list));
  }

 private:
  template <class T>
  void list(std::string_view name, const std::vector<T>& values) {
    Node list = Node::list();
    for (const T& value : values) list.items.push_back(number(value));
    map_.add(std::string(name), std::move(list));
  }
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
