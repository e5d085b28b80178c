#include "model/attention/registry.h"

namespace waiver {

template <>
std::span<const Registered<Mask>> registry<Mask>() {
  static constexpr Registered<Mask> masks[] = {
      {"causal", "query i sees keys 0 … i (Radford et al., GPT-2)", make_causal},
      {"bidirectional", "every query sees every key (Devlin et al., 1810.04805)",
       make_bidirectional},
  };
  return masks;
}

template <>
std::span<const Registered<Normalizer>> registry<Normalizer>() {
  static constexpr Registered<Normalizer> normalizers[] = {
      {"softmax", "e^s / Σ e^s (Vaswani et al., 1706.03762)", make_softmax},
      {"softmax1", "e^s / (1 + Σ e^s): some weight may go nowhere (Kaul et al., 2410.17174)",
       make_softmax1},
      {"sink_logit", "e^s / (e^S + Σ e^s), S learned per head (gpt-oss, 2508.10925)",
       make_sink_logit},
      {"sigmoid", "σ(s), or divided by its row's sum (Gu et al., 2410.10781)", make_sigmoid},
      {"elu1", "ELU(s) + 1, not normalised (Gu et al., 2410.10781)", make_elu1},
      {"relu", "max(0, s) / n, n the keys that the query sees (Guo et al., 2410.13835)",
       make_relu_normalizer},
      {"softpick", "ReLU(e^s − 1) / (Σ |e^s − 1| + eps) (Zuhri et al., 2504.20966)", make_softpick},
      {"clipped", "clip((ζ − γ) softmax(s) + γ, 0, 1), γ = −α / T (Bondarenko et al., 2306.12929)",
       make_clipped},
  };
  return normalizers;
}

template <>
std::span<const Registered<Slot>> registry<Slot>() {
  static constexpr Registered<Slot> slots[] = {
      {"none", "no key but the tokens'", make_no_slot},
      {"key", "one more key per head, learned, with value 0 (Gu et al., 2410.10781)",
       make_key_slot},
      {"key_value", "one more key and value per head, learned (Sun et al., 2402.17762)",
       make_key_value_slot},
  };
  return slots;
}

}  // namespace waiver
