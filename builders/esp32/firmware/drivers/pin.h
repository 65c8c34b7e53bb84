// The pin of a sensor, by its setting `pin`. Portable.
#pragma once

#include <string>

#include "core/board.h"

namespace edgeflock {

struct SensorPin {
  Pins *pins = nullptr;
  int number = -1;
  /// Why there is none; empty where there is.
  std::string problem;

  SensorPin(Board &board, const Settings &settings, const std::string &name)
      : pins(board.pins()), number(static_cast<int>(settings.numberWithin(name, "pin", 0, 48, -1))) {
    if (pins == nullptr) {
      problem = "this board has no pins";
    } else if (number < 0) {
      problem = "it has no pin: set " + name + ".pin";
    }
  }
};

}  // namespace edgeflock
