// Espressif's ESP32-DevKit, and every ESP32 with Wi-Fi and nothing else.
#include "boards/arduino/wifi_board.h"

namespace edgeflock {

Board &thisBoard() {
  static WifiBoard board;
  return board;
}

}  // namespace edgeflock
