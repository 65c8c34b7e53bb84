#include "core/md5.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "core/bytes.h"

namespace edgeflock {
namespace {

constexpr int kShifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

uint32_t rotateLeft(uint32_t value, int by) { return (value << by) | (value >> (32 - by)); }

void mixBlock(uint32_t state[4], const uint8_t *block) {
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  for (uint32_t step = 0; step < 64; step++) {
    uint32_t mixed = 0, word = 0;
    switch (step / 16) {
      case 0: mixed = (b & c) | (~b & d); word = step; break;
      case 1: mixed = (d & b) | (~d & c); word = 5 * step + 1; break;
      case 2: mixed = b ^ c ^ d; word = 3 * step + 5; break;
      default: mixed = c ^ (b | ~d); word = 7 * step; break;
    }
    // RFC 1321, 3.4: the table's element is the integer part of 2^32 * |sin(step + 1)|
    const auto constant = static_cast<uint32_t>(4294967296.0 * std::fabs(std::sin(step + 1.0)));
    const uint32_t sum = a + mixed + constant + readU32(block + size_t{4} * (word % 16));
    a = d;
    d = c;
    c = b;
    b += rotateLeft(sum, kShifts[step / 16][step % 4]);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

}  // namespace

std::array<uint8_t, 16> md5(const uint8_t *data, size_t length) {
  std::vector<uint8_t> padded((length + 8) / 64 * 64 + 64, 0);
  if (length > 0) std::memcpy(padded.data(), data, length);
  padded[length] = 0x80;
  writeU32(&padded[padded.size() - 8], static_cast<uint32_t>(length << 3));
  writeU32(&padded[padded.size() - 4], static_cast<uint32_t>(static_cast<uint64_t>(length) >> 29));

  uint32_t state[4] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
  for (size_t at = 0; at < padded.size(); at += 64) mixBlock(state, &padded[at]);
  std::array<uint8_t, 16> digest{};
  for (size_t word = 0; word < 4; word++) writeU32(&digest[4 * word], state[word]);
  return digest;
}

}  // namespace edgeflock
