#include "core/error.h"
#include "data/dataset.h"
#include "data/token_file.h"
#include "data/windows.h"

namespace waiver {
namespace {

/// Files of tokens.
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
    WindowDataset::options(v);
  }
  void open(int64_t context) override {
    if (first_id_ >= vocabulary_)
      throw UsageError(
          "data.first_id", std::to_string(first_id_) + " is not a token id",
          "Ids go up to data.vocabulary − 1 = " + std::to_string(vocabulary_ - 1) + ".");
    if (first_id_ >= 0 && first() == 0)
      throw UsageError("data.first_id", "no sequence has a first token", "Write first: 1.");
    const auto ids = static_cast<int32_t>(vocabulary_);
    const bool own = first() > 0 && first_id_ < 0;
    set_frame(context, ids + own, {0, ids}, own ? ids : static_cast<int32_t>(first_id_));
    if (has(Split::train)) train_ = read_tokens("data.train", train_path_);
    if (has(Split::validation)) validation_ = read_tokens("data.validation", validation_path_);
    const char* both = has(Split::train) && has(Split::validation) ? ", " : "";
    cut_to_length(context, train_path_ + both + validation_path_);
  }
  bool has(Split split) const override {
    return !(split == Split::train ? train_path_ : validation_path_).empty();
  }

 private:
  static constexpr int32_t kMostIds = 1 << 30;  // so that ids, including added ones, fit into int32

  TokenArray read_tokens(const std::string& key, const std::string& path) {
    return parse_tokens(key, path, read_corpus(key, path), format_, vocabulary_);
  }

  std::string train_path_, validation_path_;
  TokenFormat format_ = TokenFormat::uint16;
  int64_t vocabulary_ = 50304;
  int64_t first_id_ = -1;
};

}  // namespace

Registered<Dataset> tokens_kind() {
  return kind_of<Dataset, Tokens>("tokens",
                                  "files of token ids: NumPy's .npy, or without a header uint16 as "
                                  "nanoGPT writes it, or uint32");
}

}  // namespace waiver
