#include "core/error.h"

#include <filesystem>
#include <new>
#include <system_error>

namespace waiver {

std::string sentence_of(const std::exception& problem) {
  if (dynamic_cast<const std::bad_alloc*>(&problem) ||
      dynamic_cast<const std::length_error*>(&problem))
    return Error("memory", "the system cannot provide enough",
                 "Lower train.batch, model.context or model.width, or raise train.accumulate.")
        .what();
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&problem))
    return Error(file->path1().string(), "the system refuses it: " + file->code().message()).what();
  if (const auto* system = dynamic_cast<const std::system_error*>(&problem))
    return Error("system", "it refuses what the program needs: " + system->code().message()).what();
  return problem.what();
}

}  // namespace waiver
