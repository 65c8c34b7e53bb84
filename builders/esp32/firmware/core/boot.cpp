#include "boot.h"

#include "nvs_store.h"

namespace edgeflock {
namespace {

constexpr const char *kRuntimeLabel = "nvs";

/// Counts this start in the runtime partition. Where NVS finds no room there, the partition holds something
/// else, and starts anew, as ESP-IDF's own examples do.
uint32_t countBoot(Flash &flash, const Partition &partition) {
  if (partition.offset % kSectorSize != 0 || partition.size < 3 * kSectorSize) return 0;
  NvsStore store(flash, partition.offset, partition.size / kSectorSize * kSectorSize);
  store.repair();
  const uint32_t count = store.get("edgeflock", "boots", 0) + 1;
  if (store.put("edgeflock", "boots", count)) return count;
  for (size_t at = 0; at < partition.size; at += kSectorSize) flash.eraseSector(partition.offset + at);
  return store.put("edgeflock", "boots", count) ? count : 0;
}

}  // namespace

Boot boot(Flash &flash, const std::string &label) {
  Boot result;
  const PartitionTable table = readPartitionTable(flash.data(), flash.size());
  result.flashProblem = table.problem;
  if (!table.problem.empty()) return result;
  if (const Partition *runtime = table.findNvs(kRuntimeLabel)) result.count = countBoot(flash, *runtime);
  if (const Partition *config = table.findNvs(label)) {
    result.partition = *config;
    result.contents = readNvs(flash.data() + config->offset, config->size);
    result.identity = readIdentity(result.contents);
  }
  return result;
}

}  // namespace edgeflock
