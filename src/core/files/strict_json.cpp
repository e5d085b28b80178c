#include "core/files/strict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text/printable.h"

namespace waiver {
namespace {

std::string line_and_column(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  const size_t line = before.rfind('\n');  // npos + 1 is 0
  return fmt::format("line {}, column {}", std::ranges::count(before, '\n') + 1,
                     before.size() - (line + 1) + 1);
}

/// Builds the value from the parser's events.
class StrictReader : public nlohmann::json_sax<Json> {
 public:
  StrictReader(const std::string& where, std::string_view text, size_t deepest)
      : where_(where), text_(text), deepest_(deepest) {}
  Json result() { return std::move(root_); }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(where_, "its JSON " + what, "It may be truncated, damaged or of another format.");
  }

  bool null() override { return add(nullptr); }
  bool boolean(bool x) override { return add(x); }
  bool number_integer(number_integer_t x) override { return add(x); }
  bool number_unsigned(number_unsigned_t x) override { return add(x); }
  bool number_float(number_float_t x, const string_t&) override { return add(x); }
  bool string(string_t& x) override { return add(std::move(x)); }
  bool binary(binary_t& x) override { return add(std::move(x)); }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!open_.back().names.insert(name).second)
      refuse(fmt::format("has the key {} twice in one object", in_quotes(name)));
    open_.back().name = std::move(name);
    return true;
  }
  bool parse_error(size_t at, const std::string& token, const Json::exception& error) override {
    if (dynamic_cast<const Json::out_of_range*>(&error))
      refuse(fmt::format("holds the number {}, which is too large", in_quotes(token)));
    if (at > text_.size() || token.empty()) refuse("ends too early");
    refuse(
        fmt::format("breaks off at {}, with {}", line_and_column(text_, at - 1), in_quotes(token)));
  }

 private:
  /// An array or object that is being filled.
  struct Open {
    Json* json;
    std::string name;  // of its next value
    std::unordered_set<std::string> names = {};
  };

  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back().json;
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    // Appended: the object's own insertion searches all its names.
    auto& members = parent.get_ref<Json::object_t&>();
    using Members = Json::object_t::Container;
    return &static_cast<Members&>(members)
                .emplace_back(std::move(open_.back().name), std::move(value))
                .second;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json empty) {
    if (open_.size() == deepest_) refuse(fmt::format("is nested deeper than {} levels", deepest_));
    open_.push_back({place(std::move(empty)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& where_;
  std::string_view text_;
  size_t deepest_;
  Json root_;
  std::vector<Open> open_;
};

}  // namespace

Json parse_strict_json(const std::string& where, std::string_view text, size_t deepest) {
  StrictReader reader(where, text, deepest);
  // The parser would take a zero byte for the end.
  if (const size_t at = text.find('\0'); at != text.npos)
    reader.refuse("holds a zero byte, at " + line_and_column(text, at));
  Json::sax_parse(text, &reader);
  return reader.result();
}

}  // namespace waiver
