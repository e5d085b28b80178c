#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/fields/set_fields.h"
#include "data/dataset.h"
#include "temporary.h"

/// Datasets with options, and their batches.
namespace waiver {

inline std::unique_ptr<Dataset> open_data(const std::string& kind, int64_t context = 64) {
  auto data = Kind<Dataset>(kind).make();
  data->open(context);
  return data;
}

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
