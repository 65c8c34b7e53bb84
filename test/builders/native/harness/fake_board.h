// A board in memory: its clock goes on when somebody sleeps, its network is what a test makes of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/board.h"

using namespace edgeflock;

/// What the device sends is kept; what the test puts into `incoming` is read.
class FakeStream : public Stream {
 public:
  std::string open(const std::string &host, uint16_t) override {
    opened++;
    host_ = host;
    isOpen = problem.empty();
    sent.clear();
    incoming = greeting;
    return problem;
  }
  int read(uint8_t *bytes, size_t length) override {
    if (!isOpen) return -1;
    const size_t count = std::min({length, incoming.size(), piece});
    std::copy(incoming.begin(), incoming.begin() + static_cast<long>(count), bytes);
    incoming.erase(0, count);
    return static_cast<int>(count);
  }
  int write(const uint8_t *bytes, size_t length) override {
    if (!isOpen) return -1;
    const size_t count = std::min({length, piece, room});
    if (room != SIZE_MAX) room -= count;
    sent.append(reinterpret_cast<const char *>(bytes), count);
    return static_cast<int>(count);
  }
  void close() override { isOpen = false; }

  std::string problem;
  std::string greeting = std::string("\x20\x02\0\0", 4);
  std::string incoming;
  std::string sent;
  size_t piece = 7;
  size_t room = SIZE_MAX;  ///< bytes that are taken yet
  unsigned opened = 0;
  bool isOpen = false;

 private:
  std::string host_;
};

/// Answers of one-wire sensors, by a list of levels and times.
class FakePins : public Pins {
 public:
  void drive(int, bool high) override { low_ = !high; }
  bool read(int) override {
    const bool level = levels.empty() || levels.front();
    if (!levels.empty()) levels.pop_front();
    return level;
  }
  void waitMicroseconds(uint32_t) override {}
  int32_t pulse(int, bool, uint32_t) override {
    if (pulses.empty()) return -1;
    const int32_t length = pulses.front();
    pulses.pop_front();
    return length;
  }
  void beginCritical() override {}
  void endCritical() override {}
  int32_t millivolts(int pin) override { return pin == 34 ? 1500 : -1; }

  std::deque<bool> levels;
  std::deque<int32_t> pulses;

 private:
  bool low_ = false;
};

class FakeI2c : public I2c {
 public:
  bool begin(int, int) override { return true; }
  bool write(uint8_t, const uint8_t *bytes, size_t length) override {
    if (length == 2) registers[bytes[0]] = bytes[1];
    return answers;
  }
  bool read(uint8_t, uint8_t reg, uint8_t *bytes, size_t length) override {
    for (size_t at = 0; at < length; at++) bytes[at] = registers[static_cast<uint8_t>(reg + at)];
    return answers;
  }
  std::map<uint8_t, uint8_t> registers;
  bool answers = true;
};

class FakeBoard : public Board {
 public:
  uint64_t milliseconds() override { return now; }
  void sleep(uint32_t milliseconds) override { now += milliseconds; }
  uint32_t random() override { return 0x80000000U; }
  void print(const std::string &line) override { lines.push_back(line); }
  void restart() override { restarts++; }
  uint32_t freeHeap() override { return 4096; }
  std::string connectNetwork(const Settings &) override { return networkProblem; }
  Stream &network() override { return stream; }
  Pins *pins() override { return &pinsHere; }
  I2c *i2c() override { return &bus; }
  std::string takeStill(const Settings &, std::vector<uint8_t> &jpeg) override {
    jpeg.assign(1000, 0xD8);
    return "";
  }
  bool said(const std::string &text) const {
    for (const std::string &line : lines) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  uint64_t now = 1;
  unsigned restarts = 0;
  std::vector<std::string> lines;
  std::string networkProblem;
  FakeStream stream;
  FakePins pinsHere;
  FakeI2c bus;
};
