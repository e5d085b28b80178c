#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probe/metrics/metric.h"
#include "probe/metrics/waiver_score.h"

namespace waiver {

/// A key of one head, and the attention α_k that it receives: a position, the tokens of a key role
/// wherever they stand in each sequence, or an added key, which is no token's.
struct WaiverPlace {
  int64_t layer = 0, head = 0, key = 0;  // the key is −1 where it is no position
  double attention = 0;
  int64_t role = -1;           // an entry of the axis key_role; −1: a position
  std::string role_name = {};  // its name
  int64_t added = -1;          // a sink token or the slot, by number; −1: none of these

  /// `4`, the name of the role, or `added key 0`.
  std::string key_name() const;
};

/// For every head, layer by layer, the candidate that received the most attention, the first among
/// equals: α [L, H, T], visibility [L, T]. The key is −1 where no candidate has an α: in blocks
/// without attention, or where every query sees only its own token.
std::vector<WaiverPlace> waiver_places(std::span<const double> received_attention,
                                       std::span<const double> visibility, int64_t layers,
                                       int64_t heads);

/// The one with the most attention of all, the first among equals; none without attention.
std::optional<WaiverPlace> strongest_waiver(const std::vector<WaiverPlace>& places);

/// The place to whose key role a head gives more attention than any gives to `best`, if there is
/// one: α [L, H, Q, R] by role (role_received_attention, whose first entry of query_role is all
/// queries), Q·R numbers a head, and the names of the R roles. `first` and `other` are no places of
/// their own.
std::optional<WaiverPlace> stronger_role(const std::optional<WaiverPlace>& best,
                                         std::span<const double> received_attention,
                                         const std::vector<std::string>& roles, int64_t layers,
                                         int64_t heads);

/// The same for added keys: α [L, H, A] (added_attention).
std::optional<WaiverPlace> stronger_added(const std::optional<WaiverPlace>& best,
                                          std::span<const double> added_attention, int64_t layers,
                                          int64_t heads);

/// `waiver 1.0 at 0: 0.78`, by the verdict on that key; for one that is a sink only, `sink 1.0 at
/// 0: 0.78`, and for one that is neither, `strongest attention 1.0 at 0: 0.06`.
std::string to_text(const WaiverPlace& place, Verdict verdict);
/// The same for the strongest place of a probe, from its series, the visibility [L, T] and the
/// names of key roles, and before it, where one gets more attention, the added key that gets most:
/// `waiver 1.0 at added key 0: 0.49; strongest attention 1.0 at 7: 0.02`. Empty where there is
/// none.
std::string strongest_text(const Metric::Found& found, std::span<const float> visibility,
                           int64_t layers, int64_t heads, const WaiverThresholds& thresholds,
                           const std::vector<std::string>& roles = {});

}  // namespace waiver
