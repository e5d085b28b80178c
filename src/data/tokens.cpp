#include "core/error.h"
#include "data/registry.h"
#include "data/windows.h"

namespace waiver {
namespace {

// The tokens in the bytes of the file `path`.
std::vector<int32_t> parse_tokens(const std::string& bytes, const std::string& path, int64_t V) {
  if (bytes.size() % 2 != 0)
    throw UsageError(path, "its " + std::to_string(bytes.size()) +
                               " bytes are not a whole number of uint16 tokens");
  const auto* raw = reinterpret_cast<const unsigned char*>(bytes.data());
  std::vector<int32_t> tokens(bytes.size() / 2);
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = raw[2 * i] | raw[2 * i + 1] << 8;
    if (tokens[i] >= V)
      throw UsageError(path, "token " + std::to_string(i) + " is " + std::to_string(tokens[i]) +
                                 ", beyond data.vocabulary = " + std::to_string(V));
  }
  return tokens;
}

/// Two files of uint16 tokens, as nanoGPT's prepare scripts write them.
class Tokens : public WindowDataset {
 public:
  std::unique_ptr<Dataset> clone() const override { return std::make_unique<Tokens>(*this); }
  void options(FieldVisitor& v) override {
    v.field("train", train_path_, true, "tokens to train on, relative to the working directory");
    v.field("validation", validation_path_, true, "tokens to validate on");
    v.field("vocabulary", vocabulary_, between(2, 65536), "how many token ids there are");
    v.field("first_id", first_id_, between(-1, 65535),
            "the id of the first token; -1: one of its own after the vocabulary");
    WindowDataset::options(v);
  }
  void open(int64_t context) override {
    if (first_id_ >= vocabulary_)
      throw UsageError(
          "data.first_id", std::to_string(first_id_) + " is no token id",
          "Ids go up to data.vocabulary − 1 = " + std::to_string(vocabulary_ - 1) + ".");
    if (first_id_ >= 0 && first() == 0)
      throw UsageError("data.first_id", "no sequence has a first token", "Write first: 1.");
    const auto ids = static_cast<int32_t>(vocabulary_);
    const bool own = first() > 0 && first_id_ < 0;
    set_frame(context, ids + own, {0, ids}, own ? ids : static_cast<int32_t>(first_id_));
    train_ = parse_tokens(read_corpus("data.train", train_path_), train_path_, vocabulary_);
    validation_ = parse_tokens(read_corpus("data.validation", validation_path_), validation_path_,
                               vocabulary_);
    cut_to_length(context, train_path_ + ", " + validation_path_);
  }

 private:
  std::string train_path_, validation_path_;
  int64_t vocabulary_ = 50304;
  int64_t first_id_ = -1;
};

}  // namespace

std::unique_ptr<Dataset> make_tokens() { return std::make_unique<Tokens>(); }

}  // namespace waiver
