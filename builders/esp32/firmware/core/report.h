// What the device tells about itself, as lines for people or as one line of JSON. Portable.
// Values are left out unless asked for: an image does not say which of them are secret.
#pragma once

#include <string>
#include <vector>

#include "core/boot.h"

namespace edgeflock {

struct Firmware {
  std::string version;
  std::string chip;
};

struct ReportOptions {
  bool json = false;
  bool showValues = false;
};

/// Ends with a line feed.
std::string reportBoot(const Boot &boot, const Firmware &firmware, const ReportOptions &options);

/// `"entries": […], "problems": […]`, without braces. Integers of 64 bits are strings (JSON's numbers would
/// round them), blobs are hexadecimal.
std::string contentsAsJson(const NvsContents &contents, bool showValues);

}  // namespace edgeflock
