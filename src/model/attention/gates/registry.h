#pragma once

#include "model/attention/gates/gate.h"

namespace waiver {

std::unique_ptr<Gate> make_no_gate();
std::unique_ptr<Gate> make_head_gate();
std::unique_ptr<Gate> make_output_gate();
std::unique_ptr<Gate> make_value_gate();

}  // namespace waiver
