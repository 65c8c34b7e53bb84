// The command line of the firmware on this host.
#pragma once

#include <string>

namespace edgeflock {

struct Options {
  std::string flash;
  std::string image;  ///< an NVS image to read instead of a flash; "-" takes paths from standard input
  bool json = false;
  bool showValues = false;
  bool once = false;
  bool help = false;
  std::string problem;
};

extern const char *const kUsage;

Options parseOptions(int count, char **words);

}  // namespace edgeflock
