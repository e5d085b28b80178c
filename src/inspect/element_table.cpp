#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/statistics/order.h"
#include "core/text/ranges.h"
#include "core/text/table.h"
#include "inspect/probe_report.h"

namespace waiver {
namespace {

/// The places of one token that are waiver elements, over layers and sequences.
struct OneToken {
  std::set<int64_t> sequences, layers;
  double heads = 0;  // most at once
  std::vector<double> attention, value_ratio, residual_ratio, cosine;
};

/// The elements by token; those at the first position under the empty text.
class ByToken {
 public:
  explicit ByToken(const Log& log)
      : tokens_(log.strings("sequences", "tokens")),
        B_(log.axes().at("sequence")),
        T_(log.axes().at("key")),
        waivers_(last(log, "element_waivers")),
        attention_(last(log, "element_attention")),
        value_ratio_(last(log, "element_value_ratio")),
        residual_ratio_(last(log, "element_residual_ratio")),
        cosine_(last(log, "element_cosine")) {
    for (int64_t i = 0; i < std::ssize(waivers_); ++i)
      if (waivers_[i] > 0) add(i);
  }
  const std::map<std::string, OneToken>& tokens() const { return found_; }

 private:
  static std::vector<double> last(const Log& log, const std::string& name) {
    const int64_t rows = std::ssize(log.steps("probe"));
    return log.read_rows("probe", name, rows - 1, rows).values;
  }
  void add(int64_t at) {
    const int64_t place = at % (B_ * T_);
    OneToken& token = found_[place % T_ == 0 ? "" : tokens_[place]];
    token.sequences.insert(place / T_);
    token.layers.insert(at / (B_ * T_));
    token.heads = std::max(token.heads, waivers_[at]);
    token.attention.push_back(attention_[at]);
    token.value_ratio.push_back(value_ratio_[at]);
    token.residual_ratio.push_back(residual_ratio_[at]);
    token.cosine.push_back(cosine_[at]);
  }

  std::vector<std::string> tokens_;
  int64_t B_, T_;
  std::vector<double> waivers_, attention_, value_ratio_, residual_ratio_, cosine_;
  std::map<std::string, OneToken> found_;
};

// The first position, then the tokens by how many sequences and places have them.
std::vector<std::pair<std::string, OneToken>> ranked_elements(const Log& log) {
  const ByToken elements(log);
  std::vector<std::pair<std::string, OneToken>> rows(elements.tokens().begin(),
                                                     elements.tokens().end());
  std::ranges::stable_sort(rows, std::greater<>(), [](const auto& row) {
    return std::tuple(row.first.empty(), row.second.sequences.size(), row.second.attention.size());
  });
  return rows;
}

}  // namespace

std::string element_table(const Log& log, int64_t width) {
  constexpr size_t kMost = 10;
  auto rows = ranked_elements(log);
  if (rows.empty()) return "No key is a waiver element in any sequence by itself.\n";
  Table table{{{Align::left, 14}, {Align::right, 9}, {Align::left, 10, 2, true}}, {}};
  for (const int64_t of_number : {5, 6, 6, 8, 6})
    table.columns.push_back({Align::right, of_number});
  table.rows = {
      {"waiver element", "sequences", "layers", "heads", "α", "r_V", "residual", "cosine"}};
  for (size_t i = 0; i < std::min(kMost, rows.size()); ++i) {
    auto& [token, at] = rows[i];
    table.rows.push_back(
        {token.empty() ? "position 0" : token_cell(token), std::to_string(at.sequences.size()),
         ranges_text(at.layers), number_cell(at.heads, 0), number_cell(median(at.attention), 3),
         number_cell(median(at.value_ratio), 3), number_cell(median(at.residual_ratio), 2),
         number_cell(median(at.cosine), 3)});
  }
  std::string text = to_text(table, width);
  if (rows.size() > kMost) text += fmt::format("and {} other tokens\n", rows.size() - kMost);
  return text +
         folded(
             "each in its own sequence, by token: in how many sequences, in which layers, in how "
             "many heads at most; medians of α and r_V in the head that attends most, of the "
             "residual ratio, and of the cosine with position 0.",
             width);
}

Json elements_json(const Log& log) {
  auto out = Json::array();
  for (auto& [token, at] : ranked_elements(log))
    out.push_back({{"token", token.empty() ? Json() : Json(token)},
                   {"sequences", at.sequences.size()},
                   {"layers", at.layers},
                   {"heads", static_cast<int64_t>(at.heads)},
                   {"attention", json_number(median(at.attention))},
                   {"value_ratio", json_number(median(at.value_ratio))},
                   {"residual_ratio", json_number(median(at.residual_ratio))},
                   {"cosine", json_number(median(at.cosine))}});
  return out;
}

}  // namespace waiver
