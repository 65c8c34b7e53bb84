#include "drivers/drivers.h"

namespace edgeflock {
namespace {

class System : public Sensor {
 public:
  explicit System(Board &board) : board_(board) {}

  std::string read(Reading &reading) override {
    const uint64_t seconds = board_.milliseconds() / 1000;
    reading = {{"uptime", static_cast<double>(seconds)},
               {"heap", static_cast<double>(board_.freeHeap())}};
    return "";
  }

 private:
  Board &board_;
};

}  // namespace

std::unique_ptr<Sensor> make_system(Board &board, const Settings &, const std::string &) {
  return std::make_unique<System>(board);
}

}  // namespace edgeflock
