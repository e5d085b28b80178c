#pragma once

#include <filesystem>

#include "inspect/saved.h"
#include "probe/captured_pass.h"
#include "run/log_file.h"

namespace waiver {

/// Every point that a pass of the model over its probe sequences shows, in the format of a log:
///   /points/NAME            by its name (model/points.h), attn.qkv as attn.q, attn.k and attn.v:
///                           [sequence, position, width], with heads [sequence, position, head,
///                           channel], maps [sequence, head, query, key], logits [sequence,
///                           position, vocabulary]
///   /sequences/tokens, ids  text and id of every token [sequence, position]
///   /sequences/inputs       the ids that the logits are of, where the data masks tokens
///   /sequences/targets      what is to be predicted; −1: nothing
///   /sequences/length       of each sequence, without its padding
///   /sequences/features, answers   [sequence, position, feature], where the data has them
/// With R sink tokens, which are the first R within blocks, `place` of T + R takes the place of
/// `position` there, and query and key count the same. The log is not on disk until it is flushed.
/// The numbers of the pass are moved from.
Log capture_log(const SavedModel& saved, CapturedPass pass, const std::filesystem::path& path);

}  // namespace waiver
