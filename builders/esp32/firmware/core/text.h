// Bytes from a flash as text that is safe to show. Portable.
#pragma once

#include <string>

namespace edgeflock {

/// A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string jsonString(const std::string &text);

/// Without control characters, which could steer a terminal.
std::string visibleText(const std::string &text);

std::string hexadecimal(const std::string &bytes);

}  // namespace edgeflock
