#include "core/ranks/ranks.h"

#include <cstdlib>

#include "core/error.h"

namespace waiver {

Ranks& no_other_ranks() {
  static Ranks alone;
  return alone;
}

void Ranks::exchange(std::span<const Piece> sent, std::span<const Piece> received) {
  if (!sent.empty() || !received.empty())
    throw ShapeError("[ranks] there is no other rank to exchange with");
}

void Ranks::abort(int status) { std::_Exit(status); }

std::string Ranks::broadcast(const std::string& text) {
  int64_t size[] = {std::ssize(text)};
  broadcast(std::span<int64_t>(size));
  std::string out = first() ? text : std::string(static_cast<size_t>(size[0]), ' ');
  broadcast(std::span<char>(out));
  return out;
}

}  // namespace waiver
