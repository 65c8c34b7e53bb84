#include "core/config_move.h"

#include <algorithm>

#include "core/config_file.h"

namespace edgeflock {
namespace {

constexpr size_t kSector = 4096;
constexpr const char *kSpace = "edgeflock";
/// The checksum of the file that the settings come from; written last, so that it vouches for all of them.
constexpr const char *kMark = "file";
/// The firmware's own, which outlives a new configuration.
constexpr const char *kBoots = "boots";

bool isMark(const NvsValue &value, uint32_t checksum) { return value.type == NvsType::u32 && value.bits == checksum; }

NvsValue number(const char *key, uint64_t bits) {
  NvsValue value;
  value.space = kSpace;
  value.key = key;
  value.type = NvsType::u32;
  value.bits = bits;
  return value;
}

bool isBlank(const uint8_t *bytes) {
  return std::all_of(bytes, bytes + kSector, [](uint8_t byte) { return byte == 0xFF; });
}

/// The first sector goes first: without its header the rest is no file.
void erase(FileArea &area) {
  for (size_t at = 0; at + kSector <= area.size(); at += kSector) {
    if (!isBlank(area.data() + at)) area.eraseSector(at);
  }
}

/// @return what went wrong, or an empty text
std::string move(const ConfigFile &file, RuntimeStore &store) {
  std::vector<NvsValue> values;
  std::string problem = parseConfigCsv(file.csv, values);
  if (!problem.empty()) return "the configuration file cannot be used: " + problem;
  const NvsContents before = store.read();
  const NvsValue *mark = before.find(kSpace, kMark);
  if (mark != nullptr && isMark(*mark, file.checksum)) return "";  // only the erase was left to do
  const NvsValue *boots = before.find(kSpace, kBoots);
  bool stored = store.clear() && (boots == nullptr || store.put(number(kBoots, boots->bits)));
  for (const NvsValue &value : values) stored = stored && store.put(value);
  stored = stored && store.put(number(kMark, file.checksum));
  return stored ? "" : "the partition nvs has no room for the configuration file";
}

}  // namespace

NvsContents takeConfigFile(FileArea &area, RuntimeStore &store) {
  const ConfigFile file = readConfigFile(area.data(), area.size());
  std::string problem;
  if (file.state == ConfigFile::State::sound) {
    problem = move(file, store);
    if (problem.empty()) erase(area);
  }
  NvsContents contents = store.read();
  const NvsValue *mark = contents.find(kSpace, kMark);
  if (file.state == ConfigFile::State::damaged) {
    // with settings in NVS it is what an interrupted erase left
    if (mark != nullptr) {
      erase(area);
    } else {
      problem = "the configuration file is damaged: flash it again";
    }
  }
  // settings without their mark are those of a move that did not end
  if (mark == nullptr) contents.values.clear();
  const auto own = [](const NvsValue &value) {
    return value.space == kSpace && (value.key == kMark || value.key == kBoots);
  };
  contents.values.erase(std::remove_if(contents.values.begin(), contents.values.end(), own), contents.values.end());
  if (!problem.empty()) contents.problems.push_back(problem);
  return contents;
}

}  // namespace edgeflock
