#pragma once

#include <filesystem>

#include "core/files/json.h"

namespace waiver {

/// The data of a sweep's page: its title and question; in how many runs a waiver element emerged;
/// for each run its group, seed, state, sentence, place, onset and, bit for bit, α, E, r_V and
/// losses over the steps, with a link to its own page or folder; the sweep's claims.json and
/// events.json where they are there. `page`: the page's file, links are relative to its folder. A
/// log that cannot be read is reported in its run's state. Throws Error where the sweep's own files
/// are damaged.
Json sweep_data(const std::filesystem::path& sweep, const std::filesystem::path& page);

}  // namespace waiver
