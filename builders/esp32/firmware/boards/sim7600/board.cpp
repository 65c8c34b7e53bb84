// LilyGO's T-SIM7600: an ESP32 whose way to the broker is an LTE modem. Settings: modem/apn, modem/pin.
#include "boards/arduino/arduino_board.h"
#include "boards/sim7600/modem.h"

namespace edgeflock {
namespace {

constexpr int8_t kRx = 26, kTx = 27;
constexpr uint8_t kPowerKey = 4, kFlight = 25;
constexpr unsigned long kBaud = 115200;
constexpr uint32_t kPowerPulse = 500;  // milliseconds

class ModemUart : public Uart {
 public:
  void begin() { Serial1.begin(kBaud, SERIAL_8N1, kRx, kTx); }
  int read() override { return Serial1.read(); }
  void write(const uint8_t *bytes, size_t length) override { Serial1.write(bytes, length); }
};

class ModemBoard : public ArduinoBoard {
 public:
  ModemBoard() : modem_(*this, uart_) {}

  std::string connectNetwork(const Settings &settings) override {
    if (!powerOn()) return "the modem does not start";
    return modem_.connect(settings.text("modem", "apn"), settings.text("modem", "pin"));
  }
  Stream &network() override { return modem_; }
  bool position(Position &position) override { return runs_ && modem_.position(position); }

 private:
  /// At each connection anew: the modem may have lost its power meanwhile.
  bool powerOn() {
    if (!hasPins_) {
      pinMode(kFlight, OUTPUT);
      digitalWrite(kFlight, HIGH);
      pinMode(kPowerKey, OUTPUT);
      uart_.begin();
      hasPins_ = true;
    }
    runs_ = modem_.start([this] {
      digitalWrite(kPowerKey, HIGH);
      sleep(kPowerPulse);
      digitalWrite(kPowerKey, LOW);
    });
    return runs_;
  }

  ModemUart uart_;
  Modem modem_;
  bool hasPins_ = false, runs_ = false;
};

}  // namespace

Board &thisBoard() {
  static ModemBoard board;
  return board;
}

}  // namespace edgeflock
