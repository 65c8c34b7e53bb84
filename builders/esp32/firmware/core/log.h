// What the firmware says on its console, line by line. Never a setting's value. Portable.
#pragma once

#include <string>

#include "core/board.h"
#include "core/text.h"

namespace edgeflock {

/// Texts that came from outside cannot steer the terminal.
inline void say(Board &board, const std::string &text) { board.print("edgeflock: " + visibleText(text)); }

}  // namespace edgeflock
