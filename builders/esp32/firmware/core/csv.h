// Records of CSV (RFC 4180): fields may be quoted, and then hold commas, quotes and line feeds. Portable.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace edgeflock {

class CsvReader {
 public:
  /// The text must outlive the reader.
  explicit CsvReader(const std::string &text) : text_(text) {}

  /// @return false at the end, and where a quote does not end
  bool next(std::vector<std::string> &fields);
  bool broken() const { return broken_; }
  /// Where the latest record began, from 1.
  size_t line() const { return line_; }

 private:
  bool field(std::string &out);

  const std::string &text_;
  size_t at_ = 0;
  size_t line_ = 0;
  size_t nextLine_ = 1;
  bool broken_ = false;
};

}  // namespace edgeflock
