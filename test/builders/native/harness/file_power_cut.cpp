// Cuts the power after each single write while a configuration file is moved to NVS over an older configuration, and
// checks that the next start has the new settings, whole, and that no byte of the file is left. Exits 1 with a line
// if not.
#include <cstdio>
#include <string>
#include <vector>

#include "core/boot.h"
#include "core/bytes.h"
#include "core/md5.h"
#include "cut_flash.h"

using namespace edgeflock;

namespace {

constexpr size_t kSize = 0x40000;
constexpr size_t kRuntime = 0x9000, kRuntimeSize = 0x5000;
constexpr size_t kFile = 0x10000, kFileSize = 0x6000;

std::vector<uint8_t> entry(uint8_t subtype, size_t offset, size_t size, const std::string &label) {
  std::vector<uint8_t> bytes(32, 0);
  bytes[0] = 0xAA;
  bytes[1] = 0x50;
  bytes[2] = 1;
  bytes[3] = subtype;
  writeU32(&bytes[4], static_cast<uint32_t>(offset));
  writeU32(&bytes[8], static_cast<uint32_t>(size));
  std::copy(label.begin(), label.end(), bytes.begin() + 12);
  return bytes;
}

std::vector<uint8_t> table() {
  std::vector<uint8_t> bytes = entry(kPartitionSubtypeNvs, kRuntime, kRuntimeSize, "nvs");
  const std::vector<uint8_t> file = entry(kPartitionSubtypeRaw, kFile, kFileSize, "cfg");
  bytes.insert(bytes.end(), file.begin(), file.end());
  const auto digest = md5(bytes.data(), bytes.size());
  bytes.insert(bytes.end(), {0xEB, 0xEB});
  bytes.resize(bytes.size() + 14, 0xFF);
  bytes.insert(bytes.end(), digest.begin(), digest.end());
  bytes.resize(0xC00, 0xFF);
  return bytes;
}

std::string configuration(const std::string &device, size_t keys) {
  std::string csv = "key,type,encoding,value\nedgeflock,namespace,,\ndevice,data,string," + device + "\n";
  csv += "config,data,string,0123456789abcdef\ngen,data,u32,4\nmqtt,namespace,,\nca,data,string,\"" +
         std::string(900, device.back()) + "\nwith, a \"\"quote\"\"\"\n";
  csv += "more,namespace,,\nblob,data,base64,AAECAwQ=\n";
  for (size_t at = 0; at < keys; at++) csv += "k" + std::to_string(at) + ",data,i32,-" + std::to_string(at) + "\n";
  return csv;
}

std::vector<uint8_t> fileOf(const std::string &csv) {
  std::vector<uint8_t> bytes = {'E', 'D', 'G', 'E', 'F', 'C', 'F', 'G'};
  bytes.resize(16);
  const auto *text = reinterpret_cast<const uint8_t *>(csv.data());
  writeU32(&bytes[8], static_cast<uint32_t>(csv.size()));
  writeU32(&bytes[12], zlibCrc32(text, csv.size()));
  bytes.insert(bytes.end(), csv.begin(), csv.end());
  bytes.resize(kFileSize, 0xFF);
  return bytes;
}

/// What is wrong with the settings of this start, or an empty text.
std::string check(const Boot &boot, const std::string &device, size_t keys) {
  if (!boot.contents.problems.empty()) return boot.contents.problems.front();
  if (boot.identity.device != device || boot.identity.generation != 4) return "the device is " + boot.identity.device;
  if (boot.contents.text("mqtt", "ca") != std::string(900, device.back()) + "\nwith, a \"quote\"") return "another CA";
  const NvsValue *blob = boot.contents.find("more", "blob");
  if (blob == nullptr || blob->bytes != std::string("\0\1\2\3\4", 5)) return "another blob";
  for (size_t at = 0; at < keys; at++) {
    const NvsValue *value = boot.contents.find("more", "k" + std::to_string(at));
    if (value == nullptr || value->decimal() != (at == 0 ? "0" : "-" + std::to_string(at))) return "another number";
  }
  // device, config, gen, ca, blob and no key of the configuration before
  return boot.contents.values.size() == 5 + keys ? "" : "settings that are not of this file";
}

bool isBlank(const CutFlash &flash, size_t offset, size_t size) {
  for (size_t at = 0; at < size; at++) {
    if (flash.data()[offset + at] != 0xFF) return false;
  }
  return true;
}

int fail(long cut, const std::string &what) {
  std::printf("power cut at write %ld: %s\n", cut, what.c_str());
  return 1;
}

}  // namespace

int main() {
  long cut = 1;
  for (;; cut++) {
    CutFlash flash(kSize, -1);
    flash.flash(kPartitionTableOffset, table());
    flash.flash(kFile, fileOf(configuration("old", 120)));
    std::string problem = check(boot(flash, "cfg"), "old", 120);
    if (!problem.empty()) return fail(0, problem);
    if (!isBlank(flash, kFile, kFileSize)) return fail(0, "the file is still there");

    flash.flash(kFile, fileOf(configuration("new", 90)));
    flash.cutAfter(cut);
    boot(flash, "cfg");
    const bool finished = !flash.isOff();
    flash.restorePower();
    problem = check(boot(flash, "cfg"), "new", 90);
    if (!problem.empty()) return fail(cut, problem);
    if (!isBlank(flash, kFile, kFileSize)) return fail(cut, "the file is still there");
    const Boot last = boot(flash, "cfg");
    problem = check(last, "new", 90);
    if (!problem.empty()) return fail(cut, "one start later: " + problem);
    // a cut while NVS is cleared loses the count of starts; nothing else may
    if (last.count < 2) return fail(cut, "the starts are not counted: " + std::to_string(last.count));
    if (finished) break;
  }
  std::printf("%ld cuts\n", cut);
  return 0;
}
