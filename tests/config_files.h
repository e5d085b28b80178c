#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/error.h"
#include "temporary.h"

namespace waiver {

using Strings = std::vector<std::string>;

template <class Function>
std::string complaint_of(const Function& function) {
  const std::string text = error_of(function);
  return text.empty() ? "(no complaint)" : text;
}

inline Config parse(const std::string& text, const Strings& overrides = {}) {
  return parse_config(text, "a.yaml", overrides);
}

inline std::string complaint(const std::string& text, const Strings& overrides = {}) {
  return complaint_of([&] { parse(text, overrides); });
}

/// A temporary folder of text files.
class Folder {
 public:
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    put_bytes(folder_ / name, text);
    return path(name);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  TemporaryFolder folder_;
};

/// The value of `base:` in the resolved config; empty where there is none.
inline std::string rope_base(const Config& config) {
  const std::string text = to_yaml(config);
  const size_t at = text.find("base: ");
  return at == text.npos ? "" : text.substr(at + 6, text.find(',', at) - at - 6);
}

}  // namespace waiver
