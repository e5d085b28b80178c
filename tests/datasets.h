#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/error.h"
#include "data/dataset.h"
#include "temporary.h"

/// Datasets with options, and what they give.
namespace waiver {

inline std::unique_ptr<Dataset> open_data(const std::string& kind, int64_t context = 64) {
  auto data = Kind<Dataset>(kind).make();
  data->open(context);
  return data;
}

/// Reads `dotted.name = text` fields into options; a list of whole numbers is `1,2`.
class SetFields : public FieldVisitor {
 public:
  using Values = std::map<std::string, std::string>;
  explicit SetFields(Values values, std::string prefix = "")
      : values_(std::move(values)), prefix_(std::move(prefix)) {}
  void field(std::string_view n, int64_t& v, Range, std::string_view) override {
    if (find(n)) v = std::stoll(*find(n));
  }
  void field(std::string_view n, double& v, Range, std::string_view) override {
    if (find(n)) v = std::stod(*find(n));
  }
  void field(std::string_view n, bool& v, std::string_view) override {
    if (find(n)) v = *find(n) == "true";
  }
  void field(std::string_view n, std::string& v, bool, std::string_view) override {
    if (find(n)) v = *find(n);
  }
  void choice(std::string_view n, std::string& v, std::span<const Choice>,
              std::string_view) override {
    if (find(n)) v = *find(n);
  }
  void field(std::string_view n, std::vector<int64_t>& v, size_t, Range,
             std::string_view) override {
    if (!find(n)) return;
    v.clear();
    std::istringstream cells(*find(n));
    for (std::string cell; std::getline(cells, cell, ',');) v.push_back(std::stoll(cell));
  }
  void field(std::string_view, std::vector<double>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void block(std::string_view n, std::string_view,
             const std::function<void(FieldVisitor&)>& visit) override {
    SetFields inner(values_, prefix_ + std::string(n) + ".");
    visit(inner);
  }
  void kind(std::string_view n, std::string& kind, std::span<const Choice>, std::string_view doc,
            const std::function<void(FieldVisitor&)>& options) override {
    if (find(n)) kind = *find(n);
    block(n, doc, options);
  }

 private:
  const std::string* find(std::string_view name) const {
    const auto at = values_.find(prefix_ + std::string(name));
    return at == values_.end() ? nullptr : &at->second;
  }
  Values values_;
  std::string prefix_;
};

inline std::unique_ptr<Dataset> data_with(const std::string& kind, SetFields::Values values) {
  auto data = Kind<Dataset>(kind).make();
  SetFields fields(std::move(values));
  data->options(fields);
  return data;
}

inline std::unique_ptr<Dataset> open_with(const std::string& kind, SetFields::Values values,
                                          int64_t context) {
  auto data = data_with(kind, std::move(values));
  data->open(context);
  return data;
}

inline Batch batch_of(const Dataset& data, int64_t sequences, int64_t tokens, int64_t index = 0,
                      Split split = Split::train) {
  Batch batch;
  batch.resize(sequences, tokens);
  data.batch(0, split, index, batch);
  return batch;
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace waiver
