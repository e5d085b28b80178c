#include "data/draws.h"

#include <string>

namespace waiver {

std::string_view split_name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::probe:
      return "probe";
  }
  return "";
}

SequenceRandom Draws::numbers(std::string_view purpose, int64_t place, int64_t count) const {
  std::string stream(split_name(split_));
  if (!purpose.empty()) stream.append(" ").append(purpose);
  const bool alone = split_ == Split::validation;
  const Random random(seed_, stream, static_cast<uint64_t>(alone ? sequence(place) : index_));
  return {random, alone ? 0 : place * count};
}

}  // namespace waiver
