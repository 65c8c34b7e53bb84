// Moves a configuration that came as a file into the runtime's NVS, and erases the file. A power cut at any moment is
// made good by the next start: the file goes only when all of it is in NVS. Portable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/nvs_reader.h"

namespace edgeflock {

/// The configuration's partition, raw.
class FileArea {
 public:
  virtual ~FileArea() = default;
  virtual size_t size() const = 0;
  /// All of it, for reading; valid until the next erase.
  virtual const uint8_t *data() const = 0;
  /// One sector of 4096 bytes.
  virtual bool eraseSector(size_t offset) = 0;
};

/// The runtime's own NVS. On a chip this is ESP-IDF's library.
class RuntimeStore {
 public:
  virtual ~RuntimeStore() = default;
  virtual NvsContents read() const = 0;
  virtual bool put(const NvsValue &value) = 0;
  /// Forgets everything.
  virtual bool clear() = 0;
};

/// Whether these are the entries of a runtime NVS that is the only copy of the settings.
bool holdsMovedSettings(const NvsContents &runtime);

/// @return the settings that hold now: those of the file, else those that an earlier one left. Its problems say
///         what is wrong with a file that could not be taken.
NvsContents takeConfigFile(FileArea &area, RuntimeStore &store);

}  // namespace edgeflock
