#include "core/csv.h"

namespace edgeflock {

bool CsvReader::next(std::vector<std::string> &fields) {
  if (at_ >= text_.size() || broken_) return false;
  line_ = nextLine_;
  fields.clear();
  for (;;) {
    fields.emplace_back();
    if (!field(fields.back())) return false;
    if (at_ < text_.size() && text_[at_] == ',') {
      at_++;
      continue;
    }
    // the end of a record: LF, CRLF, or the end of the text
    if (at_ < text_.size() && text_[at_] == '\r') at_++;
    if (at_ < text_.size() && text_[at_] == '\n') {
      at_++;
      nextLine_++;
    }
    return true;
  }
}

/// Reads up to the next comma or the end of the line.
bool CsvReader::field(std::string &out) {
  const bool quoted = at_ < text_.size() && text_[at_] == '"';
  if (!quoted) {
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') out += text_[at_++];
    return true;
  }
  for (at_++; at_ < text_.size(); at_++) {
    if (text_[at_] == '\n') nextLine_++;
    if (text_[at_] != '"') {
      out += text_[at_];
    } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
      out += text_[at_++];
    } else {
      at_++;
      const bool ends = at_ == text_.size() || text_[at_] == ',' || text_[at_] == '\n' || text_[at_] == '\r';
      broken_ = !ends;
      return ends;
    }
  }
  broken_ = true;
  return false;
}

}  // namespace edgeflock
