#pragma once

#include "model/position/encoding.h"

namespace waiver {

std::unique_ptr<PositionEncoding> make_no_encoding();
std::unique_ptr<PositionEncoding> make_learned();
std::unique_ptr<PositionEncoding> make_sinusoidal();
std::unique_ptr<PositionEncoding> make_rope();
std::unique_ptr<PositionEncoding> make_alibi();
std::unique_ptr<PositionEncoding> make_relative();

}  // namespace waiver
