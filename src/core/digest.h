#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace waiver {

/// SHA-256 (FIPS 180-4) of bytes that come in parts: what `sha256sum` prints for all of them.
class Sha256 {
 public:
  Sha256();
  Sha256& add(std::string_view bytes);
  /// 64 hexadecimal digits. Call it once, last.
  std::string digest();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

std::string sha256(std::string_view bytes);

}  // namespace waiver
