#include "core/text.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace edgeflock {
namespace {

/// Bytes of the well-formed UTF-8 sequence at `at`, or 0. Table 3-7 of the Unicode Standard.
size_t utf8Length(const std::string &text, size_t at) {
  const auto byte = [&](size_t index) -> uint8_t {
    return index < text.size() ? static_cast<uint8_t>(text[index]) : 0;
  };
  const auto follows = [&](size_t index) { return (byte(index) & 0xC0) == 0x80; };
  const uint8_t first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return follows(at + 1) && follows(at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return follows(at + 1) && follows(at + 2) && follows(at + 3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string jsonString(const std::string &text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8Length(text, at);
    const auto byte = static_cast<uint8_t>(text[at]);
    if (length == 0) {
      out += "\\ufffd";
      at++;
      continue;
    }
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[at];
    } else if (byte < 0x20 || byte == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", unsigned{byte});
      out += escape;
    } else {
      out.append(text, at, length);
    }
    at += length;
  }
  return out + "\"";
}

std::string visibleText(const std::string &text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8Length(text, at);
    const auto byte = static_cast<uint8_t>(text[at]);
    // U+0080–U+009F are control characters too
    const bool control = byte < 0x20 || byte == 0x7F || (byte == 0xC2 && static_cast<uint8_t>(text[at + 1]) < 0xA0);
    if (length == 0 || control) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text, at, length);
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

std::string hexadecimal(const std::string &bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out += digits[static_cast<uint8_t>(byte) >> 4];
    out += digits[static_cast<uint8_t>(byte) & 15];
  }
  return out;
}

}  // namespace edgeflock
