#include "core/config_file.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "core/csv.h"

namespace edgeflock {
namespace {

constexpr char kMagic[] = "EDGEFCFG";
constexpr size_t kMagicSize = 8;
constexpr size_t kHeaderSize = 16;
constexpr size_t kLongestName = 15;

struct Encoding {
  const char *name;
  NvsType type;
};
constexpr Encoding kIntegers[] = {{"u8", NvsType::u8},   {"i8", NvsType::i8},   {"u16", NvsType::u16},
                                  {"i16", NvsType::i16}, {"u32", NvsType::u32}, {"i32", NvsType::i32},
                                  {"u64", NvsType::u64}, {"i64", NvsType::i64}};

/// @return false where the text is no decimal number that fits the type
bool parseInteger(const std::string &text, NvsType type, uint64_t &bits) {
  const bool negative = !text.empty() && text[0] == '-';
  if (text.size() == (negative ? 1U : 0U)) return false;
  uint64_t magnitude = 0;
  for (size_t at = negative ? 1 : 0; at < text.size(); at++) {
    if (text[at] < '0' || text[at] > '9') return false;
    const auto digit = static_cast<uint64_t>(text[at] - '0');
    if (magnitude > (UINT64_MAX - digit) / 10) return false;
    magnitude = magnitude * 10 + digit;
  }
  const size_t width = 8 * integerWidth(type);
  const uint64_t half = uint64_t{1} << (width - 1);
  const uint64_t most = isSigned(type) ? (negative ? half : half - 1) : half - 1 + half;
  if (magnitude > most || (negative && !isSigned(type) && magnitude > 0)) return false;
  bits = negative ? ~magnitude + 1 : magnitude;
  return true;
}

int digitOf(char letter, const char *alphabet) {
  const char *found = letter == '\0' ? nullptr : std::strchr(alphabet, letter);
  return found == nullptr ? -1 : static_cast<int>(found - alphabet);
}

/// Base64 (6 bits a letter) or hexadecimal (4 bits a letter). @return false where the text is none
bool decode(std::string text, unsigned bits, const char *alphabet, std::string &bytes) {
  if (bits == 6) {
    if (text.size() % 4 != 0) return false;
    for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; padding++) text.pop_back();
  } else {
    if (text.size() % 2 != 0) return false;
    for (char &letter : text) letter = static_cast<char>(letter >= 'A' && letter <= 'F' ? letter + 32 : letter);
  }
  uint32_t buffer = 0;
  unsigned held = 0;
  for (const char letter : text) {
    const int digit = digitOf(letter, alphabet);
    if (digit < 0) return false;
    buffer = (buffer << bits) | static_cast<uint32_t>(digit);
    held += bits;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>((buffer >> held) & 0xFF);
  }
  return true;
}

/// @return what is wrong, or nullptr
const char *readValue(const std::string &encoding, const std::string &text, NvsValue &value) {
  if (encoding == "string") {
    value.type = NvsType::string;
    value.bytes = text;
    return text.find('\0') == std::string::npos ? nullptr : "has a string with a NUL";
  }
  value.type = NvsType::blobIndex;
  if (encoding == "base64") {
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return decode(text, 6, alphabet, value.bytes) ? nullptr : "is no base64";
  }
  if (encoding == "hex2bin") return decode(text, 4, "0123456789abcdef", value.bytes) ? nullptr : "is not hexadecimal";
  for (const Encoding &integer : kIntegers) {
    if (encoding != integer.name) continue;
    value.type = integer.type;
    return parseInteger(text, integer.type, value.bits) ? nullptr : "has a number that does not fit its type";
  }
  return "has an unknown encoding";
}

const char *nameProblem(const std::string &name) {
  return name.empty() || name.size() > kLongestName ? "has a name that is not 1 to 15 characters long" : nullptr;
}

}  // namespace

ConfigFile readConfigFile(const uint8_t *partition, size_t size) {
  ConfigFile file;
  if (std::all_of(partition, partition + size, [](uint8_t byte) { return byte == 0xFF; })) return file;
  file.state = ConfigFile::State::damaged;
  if (size < kHeaderSize || std::memcmp(partition, kMagic, kMagicSize) != 0) return file;
  const size_t length = readU32(partition + kMagicSize);
  if (length > size - kHeaderSize) return file;
  file.checksum = readU32(partition + kMagicSize + 4);
  if (zlibCrc32(partition + kHeaderSize, length) != file.checksum) return file;
  file.state = ConfigFile::State::sound;
  file.csv.assign(reinterpret_cast<const char *>(partition + kHeaderSize), length);
  return file;
}

std::string parseConfigCsv(const std::string &csv, std::vector<NvsValue> &values) {
  CsvReader reader(csv);
  std::vector<std::string> fields;
  std::string space;
  bool header = true;
  while (reader.next(fields)) {
    const auto problem = [&](const char *what) { return "line " + std::to_string(reader.line()) + " " + what; };
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != 4) return problem("does not have four fields");
    if (header) {
      if (fields != std::vector<std::string>{"key", "type", "encoding", "value"}) return problem("is no header");
      header = false;
      continue;
    }
    if (const char *wrong = nameProblem(fields[0])) return problem(wrong);
    if (fields[1] == "namespace") {
      space = fields[0];
      continue;
    }
    if (fields[1] != "data") return problem("has an unknown type");
    if (space.empty()) return problem("has a key before the first namespace");
    NvsValue value;
    value.space = space;
    value.key = fields[0];
    if (const char *wrong = readValue(fields[2], fields[3], value)) return problem(wrong);
    values.push_back(std::move(value));
  }
  if (reader.broken()) return "line " + std::to_string(reader.line()) + " has a quote that does not end";
  return header ? "it is empty" : "";
}

}  // namespace edgeflock
