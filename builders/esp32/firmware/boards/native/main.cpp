// The firmware as a program of this host: its flash is a file, its log is standard output.
#include <csignal>
#include <cstdio>
#include <string>

#include "boards/native/flash_file.h"
#include "boards/native/host_board.h"
#include "boards/native/options.h"
#include "core/boot.h"
#include "core/device.h"
#include "core/report.h"
#include "core/text.h"
#include "drivers/drivers.h"
#include "edgeflock.h"

namespace edgeflock {
namespace {

constexpr int kWrongUsage = 2;
constexpr int kNoConfiguration = 3;
constexpr int kFlashUnusable = 4;

int fail(int code, const std::string &message) {
  std::fprintf(stderr, "firmware: %s\n", message.c_str());
  return code;
}

void print(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool readFile(const std::string &path, std::string &bytes) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  char block[65536];
  size_t length = sizeof block;
  while (length == sizeof block) {
    length = std::fread(block, 1, sizeof block, file);
    bytes.append(block, length);
  }
  const bool whole = std::ferror(file) == 0;
  std::fclose(file);
  return whole;
}

/// Reads one line of standard input, without its end. @return false at the end of input
bool readLine(std::string &line) {
  line.clear();
  int byte = 0;
  while ((byte = std::fgetc(stdin)) != EOF && byte != '\n') line += static_cast<char>(byte);
  return byte != EOF || !line.empty();
}

bool printImage(const std::string &path, const Options &options) {
  std::string bytes;
  if (!readFile(path, bytes)) return false;
  const NvsContents contents = readNvs(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  print("{" + contentsAsJson(contents, options.showValues) + "}\n");
  return true;
}

int printImages(const Options &options) {
  if (options.image != "-") {
    return printImage(options.image, options) ? 0 : fail(kFlashUnusable, options.image + " cannot be read");
  }
  std::string path;
  while (readLine(path)) {
    if (!printImage(path, options)) return fail(kFlashUnusable, path + " cannot be read");
  }
  return 0;
}

volatile std::sig_atomic_t stopped = 0;

/// The life of a board: until somebody stops it.
void live(const Boot &boot) {
  HostBoard board;
  Device device(board, boot, builtSensors(), EDGEFLOCK_VERSION);
  while (stopped == 0) {
    device.step();
    board.sleep(10);
  }
  device.stop();
}

int run(const Options &options) {
  if (!options.once) {
    for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { stopped = 1; });
  }
  std::signal(SIGPIPE, SIG_IGN);
  FlashFile flash;
  const std::string problem = flash.open(options.flash);
  if (!problem.empty()) return fail(kFlashUnusable, options.flash + ": " + problem);
  const Boot result = boot(flash, EDGEFLOCK_CONFIG_LABEL);
  print(reportBoot(result, {EDGEFLOCK_VERSION, EDGEFLOCK_CHIP}, {options.json, options.showValues}));
  if (!options.once) {
    live(result);
    return 0;
  }
  if (!result.flashProblem.empty()) return kFlashUnusable;
  return result.identity.isKnown() ? 0 : kNoConfiguration;
}

}  // namespace
}  // namespace edgeflock

int main(int count, char **words) {
  const edgeflock::Options options = edgeflock::parseOptions(count, words);
  if (options.help) {
    edgeflock::print(edgeflock::kUsage);
    return 0;
  }
  if (!options.problem.empty()) {
    return edgeflock::fail(edgeflock::kWrongUsage, options.problem + " (--help shows how to use it)");
  }
  return options.image.empty() ? edgeflock::run(options) : edgeflock::printImages(options);
}
