#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/files/json.h"
#include "core/text/printable.h"
#include "core/text/punctuation.h"
#include "data/dataset.h"
#include "data/token_file.h"
#include "data/windows.h"

namespace waiver {
namespace {

/// Files of tokens. An id without a string, or with an empty one, is shown as a number.
class Tokens : public WindowDataset {
 public:
  void options(FieldVisitor& v) override {
    v.field({"train", "tokens to train on, relative to the working directory; needed for training"},
            train_path_);
    v.field({"validation", "tokens to validate on and to probe; needed for both"},
            validation_path_);
    v.field({"format", "the numbers of a file without a header; a .npy file states its own format"},
            format_);
    v.field({"vocabulary", "how many token ids there are", between(2, kMostIds)}, vocabulary_);
    v.field({"first_id", "the id of the first token; -1: a new id after the vocabulary",
             between(-1, kMostIds - 1)},
            first_id_);
    v.field({"strings",
             "a JSON list of what the ids stand for, as scripts/make_tokens.py --strings writes "
             "it; empty: as the model says, if it does"},
            strings_path_);
    v.field({"special",
             "ids that stand for no text, such as [CLS] and [SEP]: each is a key role, none is "
             "masked or drawn at random",
             between(0, kMostIds - 1)},
            special_);
    WindowDataset::options(v);
  }
  void open(int64_t context) override {
    const auto ids = static_cast<int32_t>(vocabulary_);
    check_ids();
    if (!strings_path_.empty()) strings_ = read_strings();
    if (std::ssize(strings_) > vocabulary_)
      throw UsageError("data.vocabulary",
                       fmt::format("{} is fewer than the {} tokens that have strings", vocabulary_,
                                   strings_.size()));
    find_roles();
    const bool own = first() > 0 && first_id_ < 0;
    std::vector<int32_t> special(special_.begin(), special_.end());
    std::ranges::sort(special);
    set_frame(context, ids + own, {0, ids, special}, own ? ids : static_cast<int32_t>(first_id_));
    if (has(Split::train)) train_ = read_tokens("data.train", train_path_);
    if (has(Split::validation)) validation_ = read_tokens("data.validation", validation_path_);
    const char* both = has(Split::train) && has(Split::validation) ? ", " : "";
    cut_to_length(context, train_path_ + both + validation_path_);
  }
  bool has(Split split) const override {
    return !(split == Split::train ? train_path_ : validation_path_).empty();
  }

  std::vector<std::string> words() const override { return strings_; }
  void use_words(std::vector<std::string> words) override { strings_ = std::move(words); }
  /// Tokens that bring their blanks along need none between them.
  std::string_view separator() const override {
    const bool blanks = std::ranges::any_of(
        strings_, [](const std::string& s) { return s.size() > 1 && s[0] == ' '; });
    return blanks ? "" : " ";
  }
  std::vector<int32_t> encode(std::string_view text) const override try {
    return WindowDataset::encode(text);
  } catch (const UsageError& problem) {
    throw UsageError(problem.where(), problem.problem(),
                     "scripts/make_tokens.py turns text into ids.");
  }

 private:
  static constexpr int32_t kMostIds = 1 << 30;  // so that ids, including added ones, fit into int32

  void check_ids() const {
    const std::string most = fmt::format("Ids go up to data.vocabulary − 1 = {}.", vocabulary_ - 1);
    if (first_id_ >= vocabulary_)
      throw UsageError("data.first_id", fmt::format("{} is not a token id", first_id_), most);
    if (first_id_ >= 0 && first() == 0)
      throw UsageError("data.first_id", "no sequence has a first token", "Write first: 1.");
    for (const int64_t id : special_) {
      if (id >= vocabulary_)
        throw UsageError("data.special", fmt::format("{} is not a token id", id), most);
      if (std::ranges::count(special_, id) > 1)
        throw UsageError("data.special", fmt::format("{} is named twice", id));
    }
    if (std::ssize(special_) == vocabulary_)
      throw UsageError("data.special", "no id is left for text");
  }

  TokenArray read_tokens(const std::string& key, const std::string& path) {
    return parse_tokens(key, path, read_corpus(key, path), format_, vocabulary_);
  }

  std::vector<std::string> read_strings() try {
    return parse_json(read_corpus("data.strings", strings_path_)).get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    throw UsageError("data.strings", "the file " + strings_path_ + " is not a JSON list of strings",
                     "scripts/make_tokens.py --strings writes one.");
  }

  bool has_string(int64_t token) const {
    return token < std::ssize(strings_) && !strings_[token].empty();
  }
  std::string word(int32_t token) const override {
    return has_string(token) ? printable(strings_[token]) : std::to_string(token);
  }

  std::vector<std::string> own_key_roles() const override {
    std::vector<std::string> names;
    for (const int64_t id : special_) {
      const std::string text = has_string(id) ? printable(strings_[id]) : "";
      const bool taken = std::ranges::count(kTaken, text) + std::ranges::count(names, text) > 0;
      names.push_back(taken ? fmt::format("token_{}", id) : text);
    }
    if (tells_punctuation()) names.emplace_back(kPunctuation);
    return names;
  }
  int64_t own_key_role(int32_t token, int64_t t) const override {
    if (const auto at = special_role_.find(token); at != special_role_.end()) return at->second;
    const bool sign = token < std::ssize(is_sign_) && is_sign_[token];
    return sign && !is_first(t) ? std::ssize(special_) : -1;
  }
  bool tells_punctuation() const { return !strings_.empty() || !strings_path_.empty(); }
  void find_roles() {
    for (const int64_t id : special_)
      special_role_.emplace(static_cast<int32_t>(id), std::ssize(special_role_));
    for (const std::string& text : strings_) is_sign_.push_back(is_punctuation(text));
  }

  static constexpr std::string_view kPunctuation = "punctuation";
  // Names of other roles, or none.
  static constexpr std::string_view kTaken[] = {"", "first", "separator", kPunctuation, "other"};

  std::string train_path_, validation_path_, strings_path_;
  TokenFormat format_ = TokenFormat::uint16;
  int64_t vocabulary_ = 50304;
  int64_t first_id_ = -1;
  std::vector<int64_t> special_;
  std::vector<std::string> strings_;         // by id; ids beyond have none
  std::map<int32_t, int64_t> special_role_;  // the number of its role, by id
  std::vector<bool> is_sign_;                // by id
};

}  // namespace

Registered<Dataset> tokens_kind() {
  return kind_of<Dataset, Tokens>("tokens",
                                  "files of token ids: NumPy's .npy, or without a header uint16 as "
                                  "nanoGPT writes it, or uint32");
}

}  // namespace waiver
