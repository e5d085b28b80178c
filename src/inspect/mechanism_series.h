#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "probe/mechanism/mechanism.h"

namespace waiver {

/// What the mechanism tests found at one checkpoint of a run.
struct MechanismAt {
  int64_t step = 0;
  Mechanism found;
};

/// The name of the file in a run's folder.
inline constexpr char kMechanismFile[] = "mechanism.h5";

/// The mechanism at every checkpoint of a run, oldest first. Throws UsageError where it has none.
std::vector<MechanismAt> mechanism_series(const std::filesystem::path& run);

/// Writes them in the form of a log, series of /mechanism over steps:
///   position            of the key whose selection was studied; −1: another in each sequence
///   queries             whose attention counts: an entry of query_role
///   status              0 neither, 1 sink only, 2 waiver
///   selected_by         0 nothing, 1 mask, 2 position encoding, 3 feature distribution, 4 mixed
///   received_attention, enrichment, value_ratio, loss
///   follows_{encoding,content,both}
///   ID, ID_NUMBER       the outcome of each hypothesis (its place in `waiver probe --hypotheses`'
///                       words), and its numbers; NaN where it has none
/// and beside them key_name [checkpoint], the key by name. An existing file is replaced.
void write_mechanism_series(const std::filesystem::path& file, const std::string& config,
                            const std::vector<MechanismAt>& all);

/// For people: a row for each checkpoint. Fitted to `width` as by Table's to_text.
std::string to_text(const std::vector<MechanismAt>& all, int64_t width = 0);

}  // namespace waiver
