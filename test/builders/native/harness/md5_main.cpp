// Prints the MD5 of standard input.
#include <cstdio>
#include <vector>

#include "core/md5.h"

int main() {
  std::vector<uint8_t> bytes;
  int byte = 0;
  while ((byte = std::fgetc(stdin)) != EOF) bytes.push_back(static_cast<uint8_t>(byte));
  for (const uint8_t part : edgeflock::md5(bytes.data(), bytes.size())) std::printf("%02x", part);
  return 0;
}
