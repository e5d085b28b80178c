#include "model/attention/registry.h"

namespace waiver {

template <>
std::span<const Registered<Mask>> registry<Mask>() {
  static constexpr Registered<Mask> masks[] = {
      {"causal", "query i sees keys 0 … i", make_causal},
      {"bidirectional", "every query sees every key", make_bidirectional},
  };
  return masks;
}

template <>
std::span<const Registered<Normalizer>> registry<Normalizer>() {
  static constexpr Registered<Normalizer> normalizers[] = {
      {"softmax", "e^s / Σ e^s", make_softmax},
  };
  return normalizers;
}

}  // namespace waiver
