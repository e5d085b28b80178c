#pragma once

#include "data/dataset.h"

namespace waiver {

/// Another dataset, parts of which a derived class overrides.
class WrappedDataset : public Dataset {
 public:
  explicit WrappedDataset(std::unique_ptr<Dataset> data) : data_(std::move(data)) {}

  void open(int64_t context) override { data_->open(context); }
  std::vector<DataFile> files() const override { return data_->files(); }
  std::vector<std::string> words() const override { return data_->words(); }
  void use_words(std::vector<std::string> words) override { data_->use_words(std::move(words)); }
  int64_t vocabulary() const override { return data_->vocabulary(); }
  int64_t features() const override { return data_->features(); }
  int64_t dedicated() const override { return data_->dedicated(); }
  void fill(const Draws& draws, Batch& out) const override { data_->fill(draws, out); }
  bool has(Split split) const override { return data_->has(split); }
  int64_t validation_windows(int64_t T) const override { return data_->validation_windows(T); }
  bool is_task() const override { return data_->is_task(); }
  std::vector<std::string> query_roles() const override { return data_->query_roles(); }
  std::vector<std::string> key_roles() const override { return data_->key_roles(); }
  int64_t query_role(const int32_t* inputs, int64_t t) const override {
    return data_->query_role(inputs, t);
  }
  int64_t key_role(const int32_t* inputs, int64_t t) const override {
    return data_->key_role(inputs, t);
  }
  void next(const int32_t* inputs, int64_t t, std::span<float> p) const override {
    data_->next(inputs, t, p);
  }
  std::string text(int32_t token) const override { return data_->text(token); }
  std::string_view separator() const override { return data_->separator(); }
  std::vector<int32_t> encode(std::string_view text) const override { return data_->encode(text); }
  TokenRange content() const override { return data_->content(); }
  bool fixed(int64_t t) const override { return data_->fixed(t); }
  std::vector<int32_t> front() const override { return data_->front(); }
  std::vector<int32_t> back() const override { return data_->back(); }
  int32_t mask_token() const override { return data_->mask_token(); }
  int32_t padding() const override { return data_->padding(); }

 protected:
  std::unique_ptr<Dataset> data_;
};

}  // namespace waiver
