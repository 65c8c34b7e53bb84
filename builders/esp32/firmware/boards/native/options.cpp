#include "boards/native/options.h"

namespace edgeflock {

const char *const kUsage =
    "usage: firmware --flash FILE [--once] [--json] [--show-values]\n"
    "       firmware --read-nvs IMAGE|- [--json] [--show-values]\n"
    "\n"
    "Starts the firmware on a flash image, as a board would: finds the configuration partition by the partition\n"
    "table, tells who it is and which settings it has, connects to its broker, and stays until it is stopped.\n"
    "\n"
    "  --flash FILE    the board's whole flash; its runtime partition \"nvs\" is written to\n"
    "  --once          end after the report instead of staying\n"
    "  --read-nvs IMAGE  read one NVS image and print its entries; \"-\" reads paths from standard input,\n"
    "                  one a line, and prints one line of JSON for each\n"
    "  --json          one line of JSON instead of text\n"
    "  --show-values   print values, secrets among them\n"
    "\n"
    "Exit codes: 0 done, 2 wrong usage, 3 no configuration (with --once), 4 flash unusable.\n";

Options parseOptions(int count, char **words) {
  Options options;
  for (int at = 1; at < count; at++) {
    const std::string word = words[at];
    if (word == "--json") {
      options.json = true;
    } else if (word == "--show-values") {
      options.showValues = true;
    } else if (word == "--once") {
      options.once = true;
    } else if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word == "--flash" || word == "--read-nvs") {
      if (at + 1 == count) {
        options.problem = word + " needs a file";
        return options;
      }
      (word == "--flash" ? options.flash : options.image) = words[++at];
    } else {
      options.problem = "unknown option " + word;
      return options;
    }
  }
  if (!options.help && options.flash.empty() == options.image.empty()) {
    options.problem = "either --flash or --read-nvs is needed";
  }
  return options;
}

}  // namespace edgeflock
