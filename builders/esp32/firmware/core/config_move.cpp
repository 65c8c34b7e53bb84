#include "core/config_move.h"

#include <algorithm>

#include "core/config_file.h"

namespace edgeflock {
namespace {

constexpr size_t kSector = 4096;
constexpr const char *kSpace = "edgeflock";
/// The checksum of the file that the settings come from; written last, so that it vouches for all of them.
constexpr const char *kMark = "file";
/// 1 while the file is erased: what an interrupted erase leaves looks like damage, and is none.
constexpr const char *kErasing = "erasing";
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
void erase(FileArea &area, RuntimeStore &store) {
  store.put(number(kErasing, 1));  // where it has no room, the blank header tells as much
  bool erased = true;
  for (size_t at = 0; at + kSector <= area.size(); at += kSector) {
    if (!isBlank(area.data() + at)) erased = area.eraseSector(at) && erased;
  }
  if (erased) store.put(number(kErasing, 0));
}

bool isErasing(const NvsContents &runtime) {
  const NvsValue *erasing = runtime.find(kSpace, kErasing);
  return erasing != nullptr && erasing->bits == 1;
}

/// Whether the rest of a file is what an erase of ours left, which a power cut ended; else it came damaged.
bool isHalfErased(const FileArea &area, const NvsContents &runtime) {
  return isErasing(runtime) || (area.size() >= kSector && isBlank(area.data()));
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

bool holdsMovedSettings(const NvsContents &runtime) { return runtime.find(kSpace, kMark) != nullptr; }

NvsContents takeConfigFile(FileArea &area, RuntimeStore &store) {
  const ConfigFile file = readConfigFile(area.data(), area.size());
  std::string problem;
  if (file.state == ConfigFile::State::sound) {
    problem = move(file, store);
    if (problem.empty()) erase(area, store);
  }
  NvsContents contents = store.read();
  const NvsValue *mark = contents.find(kSpace, kMark);
  if (file.state == ConfigFile::State::damaged) {
    if (mark != nullptr && isHalfErased(area, contents)) {
      erase(area, store);
    } else {
      problem = "the configuration file is damaged: flash it again";
    }
  } else if (file.state == ConfigFile::State::blank && isErasing(contents)) {
    store.put(number(kErasing, 0));  // where the power was cut after the last sector
  }
  // settings without their mark are those of a move that did not end
  if (mark == nullptr) contents.values.clear();
  const auto own = [](const NvsValue &value) {
    return value.space == kSpace && (value.key == kMark || value.key == kBoots || value.key == kErasing);
  };
  contents.values.erase(std::remove_if(contents.values.begin(), contents.values.end(), own), contents.values.end());
  if (!problem.empty()) contents.problems.push_back(problem);
  return contents;
}

}  // namespace edgeflock
