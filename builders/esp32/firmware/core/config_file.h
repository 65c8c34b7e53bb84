// A configuration that comes as a file: a raw partition with a header and Espressif's CSV. Portable; trusts nothing.
// Layout: "EDGEFCFG", u32 length, u32 CRC-32 (that of zlib) of the CSV, then the CSV; the rest of the partition is
// 0xFF. builders/config-file.ts makes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/nvs_reader.h"

namespace edgeflock {

struct ConfigFile {
  enum class State {
    blank,    ///< the whole partition is erased
    sound,    ///< header and checksum are right
    damaged,  ///< neither: what an interrupted erase leaves, or real damage
  };
  State state = State::blank;
  uint32_t checksum = 0;
  std::string csv;
};

ConfigFile readConfigFile(const uint8_t *partition, size_t size);

/// Reads Espressif's CSV: key, type, encoding, value; types `namespace` and `data`; encodings u8 to i64, string,
/// base64 and hex2bin. Quoted fields may hold line feeds.
/// @return what is wrong, by line and never with a value, or an empty text
std::string parseConfigCsv(const std::string &csv, std::vector<NvsValue> &values);

}  // namespace edgeflock
