#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/stop.h"
#include "core/text/printable.h"
#include "data/dataset.h"
#include "data/windows.h"

namespace waiver {
namespace {

// A character as messages show it.
std::string shown(std::string_view character) {
  const auto c = static_cast<unsigned char>(character[0]);
  return c < 0x20 || c == 0x7f ? fmt::format("U+{:04X}", c) : fmt::format("'{}'", character);
}

enum class Tokenizer { character, byte };
std::span<const Choice> words(Tokenizer) {
  static constexpr Choice all[] = {{"char", "one token per distinct UTF-8 character"},
                                   {"byte", "one token per byte, 256 in all"}};
  return all;
}

/// A text file. `char`: the distinct UTF-8 characters, sorted; `byte`: 256 bytes. The first
/// token, where there is one, takes the id after those.
class Text : public WindowDataset {
 public:
  void options(FieldVisitor& v) override {
    v.field(Field{"path", "the text file, relative to the working directory"}.must_be_given(),
            path_);
    v.field({"tokenizer", "what a token is"}, tokenizer_);
    v.field({"split", "share of the text, from its start, to train on", {0, 1, true, true}},
            split_);
    WindowDataset::options(v);
  }

  void open(int64_t context) override {
    const std::string text =
        read_corpus("data.path", path_, "scripts/fetch_data.sh downloads the public corpora.");
    if (tokenizer_ == Tokenizer::byte)
      for (int c = 0; c < 256; ++c) pieces_.emplace_back(1, static_cast<char>(c));
    else if (words_.empty())
      collect_characters(text);
    else
      set_characters(words_);
    std::vector<int32_t> tokens = encode(text, "data.path");
    const auto content = static_cast<int32_t>(pieces_.size());
    if (first() > 0) pieces_.push_back("<s>");
    set_frame(context, std::ssize(pieces_), {0, content}, content);
    const auto cut = static_cast<int64_t>(split_ * static_cast<double>(tokens.size()));
    train_.ids.assign(tokens.begin(), tokens.begin() + cut);
    validation_.ids.assign(tokens.begin() + cut, tokens.end());
    cut_to_length(context, path_);
  }
  std::vector<std::string> words() const override {
    std::vector<std::string> out(pieces_.begin(), pieces_.begin() + content().end);
    if (tokenizer_ == Tokenizer::byte)  // a single byte need not be UTF-8
      for (int c = 0; c < 256; ++c) out[c] = fmt::format("\\x{:02x}", c);
    return out;
  }
  void use_words(std::vector<std::string> words) override { words_ = std::move(words); }

  std::string_view separator() const override { return {}; }
  std::vector<int32_t> encode(std::string_view text) const override {
    return encode(text, "prompt");
  }

 private:
  std::string word(int32_t token) const override { return pieces_[token]; }

  // `where`: the source of the text.
  std::vector<int32_t> encode(std::string_view text, const std::string& where) const {
    std::vector<int32_t> tokens;
    tokens.reserve(text.size());
    if (tokenizer_ == Tokenizer::byte) {
      for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
      return tokens;
    }
    for (size_t at = 0; at < text.size();) {
      check_stop();
      const std::string_view character = text.substr(at, character_length(text.substr(at)));
      if (character.empty()) refuse_byte(where, text, at);
      const auto id = ids_.find(character);
      if (id == ids_.end())
        throw UsageError(
            where,
            fmt::format("the character {} {}", shown(character),
                        where == "prompt" ? "does not occur in " + path_
                                          : "of " + path_ + " is not among the model's"),
            "A character-level model knows only the characters of its training text.");
      tokens.push_back(id->second);
      at += character.size();
    }
    return tokens;
  }

  [[noreturn]] void refuse_byte(const std::string& where, std::string_view text, size_t at) const {
    const bool file = where == "data.path";
    throw UsageError(
        where,
        fmt::format("{} is not UTF-8: byte {} is 0x{:02X}", file ? "the file " + path_ : "it", at,
                    static_cast<unsigned char>(text[at])),
        file ? "Use tokenizer: byte for such a file." : "");
  }

  void collect_characters(std::string_view text) {
    std::set<std::string, std::less<>> found;
    for (size_t at = 0; at < text.size();) {
      check_stop();
      const std::string_view character = text.substr(at, character_length(text.substr(at)));
      if (character.empty()) refuse_byte("data.path", text, at);
      found.emplace(character);
      at += character.size();
    }
    set_characters({found.begin(), found.end()});
  }
  void set_characters(std::vector<std::string> characters) {
    pieces_ = std::move(characters);
    for (size_t id = 0; id < pieces_.size(); ++id) ids_[pieces_[id]] = static_cast<int32_t>(id);
  }

  std::string path_;
  Tokenizer tokenizer_ = Tokenizer::character;
  double split_ = 0.9;
  std::vector<std::string> words_;  // tokens of another run; empty: those of the text
  std::vector<std::string> pieces_;
  std::map<std::string, int32_t, std::less<>> ids_;
};

}  // namespace

Registered<Dataset> text_kind() {
  return kind_of<Dataset, Text>("text", "a text file, by bytes or by characters");
}

}  // namespace waiver
