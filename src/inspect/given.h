#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inspect/saved.h"
#include "run/log_file.h"

namespace waiver {

/// What to look at instead of the data's probe batch: a text, or else a file of token ids.
struct Given {
  std::optional<std::string> text;
  std::string file;
};

/// Opens a model for a probe of these sequences, for which a run needs no data of its own. A text
/// is one sequence, in the tokens of the data, between those that all its sequences begin with and
/// its last tokens. A file holds one sequence or several, taken as they are: what parse_tokens
/// reads, or without a header uint16, uint32 where the vocabulary needs it. Throws UsageError where
/// the text has no tokens (data of kind tokens, features), where an id is not one, where there are
/// fewer than 2 tokens or more than the model takes, and as open_saved does.
SavedModel open_given(const std::string& path, const std::vector<std::string>& overrides,
                      const Given& given, const Reading& reading);

/// Throws UsageError where these sequences are not enough for the mechanism tests.
void check_mechanism(const SavedModel& saved);

/// How many tokens there are, and what was added to those that were given.
std::string described(const Given& given, const SavedModel& saved);

/// The last row of /probe along the first given sequence: what each token receives, in the head
/// with the strongest waiver (strongest_waiver) and over all heads. Of a long one, only the
/// positions that receive the most. Fitted to `width` as by Table's to_text.
std::string sequence_table(const SavedModel& saved, const Log& log, int64_t width = 0);

}  // namespace waiver
