#pragma once

#include "probe/metrics/metric.h"
#include "probe/roles.h"

// What metrics are for, where they do not suit every model and all data.

namespace waiver::suited {

inline constexpr Suited with_logits = {
    [](const ModelConfig& model, const Dataset&) { return model.gives_logits(); },
    "models that predict tokens"};

inline constexpr Suited without_logits = {
    [](const ModelConfig& model, const Dataset&) {
      return !model.gives_logits() && !model.takes_features();
    },
    "models without an output layer (model.output.kind: hidden)"};

inline constexpr Suited of_features = {
    [](const ModelConfig&, const Dataset& data) { return data.features() > 0; }, "features"};

inline constexpr Suited has_added_keys = {
    [](const ModelConfig& model, const Dataset&) { return model.added_keys() > 0; },
    "models with sink tokens or a slot"};

inline constexpr Suited unnormalized_added_keys = {
    [](const ModelConfig& model, const Dataset&) {
      return model.added_keys() > 0 && !model.attention.normalizer->shares();
    },
    "models with sink tokens or a slot whose normalizer's weights are not shares"};

inline constexpr Suited next_token_task = {[](const ModelConfig& model, const Dataset& data) {
                                             return model.gives_logits() && data.is_task() &&
                                                    data.mask_token() < 0;
                                           },
                                           "tasks, next_token"};

inline constexpr Suited masked_task = {[](const ModelConfig& model, const Dataset& data) {
                                         return model.gives_logits() && data.is_task() &&
                                                data.mask_token() >= 0;
                                       },
                                       "tasks, masked_token"};

inline constexpr Suited with_roles = {
    [](const ModelConfig&, const Dataset& data) { return has_roles(data); },
    "data that tells roles apart"};

inline constexpr Suited unnormalized = {
    [](const ModelConfig& model, const Dataset&) { return !model.attention.normalizer->shares(); },
    "normalizers whose weights are not shares"};

}  // namespace waiver::suited
