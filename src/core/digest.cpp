#include "core/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "core/error.h"
#include "core/stop.h"

namespace waiver {
namespace {

EVP_MD_CTX* of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void check(int good) {
  if (good != 1) throw Error("sha256", "the cryptographic library cannot compute a digest");
}

}  // namespace

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(of(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  check(EVP_DigestInit_ex(of(context_.get()), EVP_sha256(), nullptr));
}

Sha256& Sha256::add(std::string_view bytes) {
  constexpr size_t kPart = size_t{16} << 20;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPart, bytes.size()))) {
    check_stop();
    check(EVP_DigestUpdate(of(context_.get()), bytes.data(), std::min(kPart, bytes.size())));
  }
  return *this;
}

std::string Sha256::digest() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  check(EVP_DigestFinal_ex(of(context_.get()), bytes, &length));
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string sha256(std::string_view bytes) { return Sha256().add(bytes).digest(); }

}  // namespace waiver
