#include "drivers/drivers.h"

namespace edgeflock {
namespace {

class Gnss : public Sensor {
 public:
  explicit Gnss(Board &board) : board_(board) {}

  std::string read(Reading &reading) override {
    Position position;
    if (!board_.position(position)) return "no position yet";
    reading = {{"latitude", position.latitude},
               {"longitude", position.longitude},
               {"altitude", position.altitude},
               {"speed", position.speed}};
    return "";
  }

 private:
  Board &board_;
};

}  // namespace

std::unique_ptr<Sensor> make_gnss(Board &board, const Settings &, const std::string &) {
  return std::make_unique<Gnss>(board);
}

}  // namespace edgeflock
