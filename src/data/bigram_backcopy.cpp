#include <algorithm>
#include <numeric>
#include <sstream>

#include "core/digest.h"
#include "core/error.h"
#include "data/backcopy.h"
#include "data/dataset.h"

namespace waiver {
namespace {

constexpr const char* kCounts =
#include "counts.inc"
    ;

std::vector<std::vector<double>> parse_counts() {
  std::vector<std::vector<double>> rows;
  std::istringstream lines(kCounts);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    std::istringstream cells(line);
    std::vector<double>& row = rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(std::stod(cell));
  }
  return rows;
}

/// Over the 65 characters of tiny Shakespeare (ids in order of code points), `<s>` = 65, the first
/// token, and `<d>` = 66, which never occurs. Triggers are the most frequent characters.
class BigramBackcopy : public BackcopyTask {
 public:
  void options(FieldVisitor& v) override {
    v.field({"triggers", "how many of the most frequent characters are triggers", between(0, 16)},
            triggers_);
    BackcopyTask::options(v);
  }

  void open(int64_t context) override {
    check_rule();
    const auto rows = parse_counts();
    characters_ = rows[0];
    const auto letters = static_cast<int32_t>(characters_.size());
    std::vector<double> unigram = rows[1];
    is_trigger_.assign(letters + 2, false);
    std::vector<int64_t> order(letters);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return unigram[a] > unigram[b]; });
    for (int64_t i = 0; i < triggers_; ++i) is_trigger_[order[i]] = true;

    unigram.resize(letters + 2, 0.0);
    follow_.clear();
    for (int64_t a = 0; a < letters; ++a) {
      std::vector<double> row = rows[2 + a];
      row.resize(letters + 2, 0.0);
      follow_.emplace_back(row);
    }
    follow_.insert(follow_.end(), 2, Sampler(unigram));  // <s> and <d>
    for (int64_t v = 0; v < letters; ++v)
      if (is_trigger_[v]) unigram[v] = 0;
    opening_ = Sampler(unigram);
    set_frame(context, letters + 2, {0, letters}, letters);
  }

  std::vector<DataFile> files() const override {
    const std::string_view counts = kCounts;
    return {{"", "the program's counts of tiny Shakespeare", std::ssize(counts), sha256(counts)}};
  }
  std::vector<std::string> words() const override {
    std::vector<std::string> out;
    for (int32_t id = 0; id < content().end; ++id) out.push_back(word(id));
    return out;
  }
  std::string_view separator() const override { return {}; }
  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> tokens;
    for (const char c : text) {
      const auto at = std::find(characters_.begin(), characters_.end(), static_cast<double>(c));
      if (at == characters_.end())
        throw UsageError("prompt",
                         "the character '" + std::string(1, c) + "' is not in the vocabulary",
                         "The task has the 65 characters of tiny Shakespeare.");
      tokens.push_back(static_cast<int32_t>(at - characters_.begin()));
    }
    return tokens;
  }

 private:
  std::string word(int32_t token) const override {
    const auto letters = static_cast<int32_t>(characters_.size());
    if (token >= letters) return token == letters ? "<s>" : "<d>";
    return std::string(1, static_cast<char>(characters_[token]));
  }

  std::vector<double> characters_;
};

}  // namespace

Registered<Dataset> bigram_backcopy_kind() {
  return kind_of<Dataset, BigramBackcopy>(
      "bigram_backcopy",
      "characters of tiny Shakespeare by their bigrams; a trigger is followed by a copy of the "
      "token before it (Guo et al., 2410.13835)");
}

}  // namespace waiver
