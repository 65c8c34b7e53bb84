// What the firmware asks of the board it runs on. A board layer implements it. Portable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/settings.h"
#include "core/stream.h"

namespace edgeflock {

/// General purpose pins by their number on the chip.
class Pins {
 public:
  virtual ~Pins() = default;
  /// Open drain with a pull-up, as one-wire sensors need it: `false` pulls the line down, `true` lets it go.
  virtual void drive(int pin, bool high) = 0;
  virtual bool read(int pin) = 0;
  /// Waits exactly; the drivers tell bits apart by microseconds.
  virtual void waitMicroseconds(uint32_t microseconds) = 0;
  /// How long the pin stays at `level`, at most `limit` microseconds. @return -1 where it stays longer
  virtual int32_t pulse(int pin, bool level, uint32_t limit) = 0;
  /// Nothing else runs between the two: an interrupt would spoil a bit.
  virtual void beginCritical() = 0;
  virtual void endCritical() = 0;
  /// @return millivolts at an analogue input, or -1 where the pin is none
  virtual int32_t millivolts(int pin) = 0;
};

/// The I2C bus on the given pins.
class I2c {
 public:
  virtual ~I2c() = default;
  virtual bool begin(int sda, int scl) = 0;
  virtual bool write(uint8_t address, const uint8_t *bytes, size_t length) = 0;
  virtual bool read(uint8_t address, uint8_t reg, uint8_t *bytes, size_t length) = 0;
};

struct Position {
  double latitude = 0;   ///< degrees, north positive
  double longitude = 0;  ///< degrees, east positive
  double altitude = 0;   ///< metres
  double speed = 0;      ///< kilometres an hour
};

class Board {
 public:
  virtual ~Board() = default;

  virtual uint64_t milliseconds() = 0;  ///< since the start; never goes back
  virtual void sleep(uint32_t milliseconds) = 0;
  /// Not to be foreseen: from the chip's own generator.
  virtual uint32_t random() = 0;
  /// Shows a whole line on the console.
  virtual void print(const std::string &line) = 0;
  virtual void restart() = 0;
  virtual uint32_t freeHeap() = 0;

  /// Brings the network up, if it is not. @return why that failed, or an empty text
  virtual std::string connectNetwork(const Settings &settings) = 0;
  /// The way to the broker, without TLS.
  virtual Stream &network() = 0;

  /// What this board has; nullptr where it has none.
  virtual Pins *pins() { return nullptr; }
  virtual I2c *i2c() { return nullptr; }
  /// @return false where there is no receiver, or it has no fix yet
  virtual bool position(Position &) { return false; }
  /// A JPEG of now. @return why there is none, or an empty text
  virtual std::string takeStill(const Settings &, std::vector<uint8_t> &) { return "this board has no camera"; }
};

}  // namespace edgeflock
