#include "core/settings.h"

namespace edgeflock {
namespace {

/// @return false where the text is no decimal number of at most 18 digits
bool parseDecimal(const std::string &text, int64_t &number) {
  const size_t start = !text.empty() && text[0] == '-' ? 1 : 0;
  if (text.size() == start || text.size() - start > 18) return false;
  number = 0;
  for (size_t at = start; at < text.size(); at++) {
    if (text[at] < '0' || text[at] > '9') return false;
    number = number * 10 + (text[at] - '0');
  }
  if (start == 1) number = -number;
  return true;
}

}  // namespace

std::string Settings::text(const std::string &space, const std::string &key, const std::string &fallback) const {
  const NvsValue *value = contents_.find(space, key);
  return value != nullptr && value->type == NvsType::string ? value->bytes : fallback;
}

int64_t Settings::number(const std::string &space, const std::string &key, int64_t fallback) const {
  const NvsValue *value = contents_.find(space, key);
  if (value == nullptr) return fallback;
  if (integerWidth(value->type) > 0) return static_cast<int64_t>(value->bits);
  int64_t number = 0;
  return value->type == NvsType::string && parseDecimal(value->bytes, number) ? number : fallback;
}

int64_t Settings::numberWithin(const std::string &space, const std::string &key, int64_t least, int64_t most,
                               int64_t fallback) const {
  const int64_t found = number(space, key, fallback);
  return found < least || found > most ? fallback : found;
}

bool Settings::flag(const std::string &space, const std::string &key, bool fallback) const {
  const std::string word = text(space, key);
  if (word == "true") return true;
  if (word == "false") return false;
  return number(space, key, fallback ? 1 : 0) != 0;
}

}  // namespace edgeflock
