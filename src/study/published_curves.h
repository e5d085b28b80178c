#pragma once

#include <string>
#include <vector>

#include "config/complaints.h"
#include "config/yaml.h"
#include "core/files/json.h"

namespace waiver {

/// Curves that others published, to be shown beside those of a study's runs:
///   published:
///     file: curve.csv      relative to the study; lines that begin with # are left out
///     source: "2410.13835, figure 3"
///     columns: {received_attention: attention, loss: test_loss, step: iteration}  ours: theirs
/// Ours are received_attention, enrichment, value_ratio, loss (of the validation), train_loss,
/// those that the study's records keep (study/curves.h), and step, which is theirs of that name
/// where none is given. Rows with an empty cell are left out.
/// Returns {source, curves: {OURS: {steps, values}}}, or null for an empty block. `path`: of the
/// study; `kept`: the names of its `curves`. Complains of what does not fit; throws UsageError
/// where the file cannot be read.
Json read_published(const Node& block, const std::string& path,
                    const std::vector<std::string>& kept, Complaints& complaints);

}  // namespace waiver
