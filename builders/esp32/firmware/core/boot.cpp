#include "core/boot.h"

#include "core/config_move.h"
#include "core/nvs_store.h"

namespace edgeflock {
namespace {

constexpr const char *kRuntimeLabel = "nvs";

class FlashArea : public FileArea {
 public:
  FlashArea(Flash &flash, const Partition &partition) : flash_(flash), partition_(partition) {}
  size_t size() const override { return partition_.size; }
  const uint8_t *data() const override { return flash_.data() + partition_.offset; }
  bool eraseSector(size_t offset) override { return flash_.eraseSector(partition_.offset + offset); }

 private:
  Flash &flash_;
  const Partition &partition_;
};

class FlashStore : public RuntimeStore {
 public:
  explicit FlashStore(NvsStore &store) : store_(store) {}
  NvsContents read() const override { return store_.read(); }
  bool put(const NvsValue &value) override { return store_.put(value); }
  bool clear() override { return store_.clear(); }

 private:
  NvsStore &store_;
};

bool canHoldNvs(const Partition *partition) {
  return partition != nullptr && partition->offset % kSectorSize == 0 && partition->size >= 3 * kSectorSize;
}

/// Counts this start. Where NVS finds no room, the partition holds something else, and starts anew, as ESP-IDF's own
/// examples do; but not while it holds the settings.
uint32_t countBoot(NvsStore &store, bool holdsSettings) {
  const uint32_t count = store.get("edgeflock", "boots", 0) + 1;
  if (store.put("edgeflock", "boots", count)) return count;
  if (holdsSettings) return 0;
  return store.clear() && store.put("edgeflock", "boots", count) ? count : 0;
}

}  // namespace

Boot boot(Flash &flash, const std::string &label) {
  Boot result;
  const PartitionTable table = readPartitionTable(flash.data(), flash.size());
  result.flashProblem = table.problem;
  if (!table.problem.empty()) return result;
  const Partition *runtime = table.find(kRuntimeLabel, kPartitionSubtypeNvs);
  const Partition none{};
  const Partition &place = canHoldNvs(runtime) ? *runtime : none;
  NvsStore store(flash, place.offset, place.size / kSectorSize * kSectorSize);
  store.repair();
  const Partition *file = table.find(label, kPartitionSubtypeRaw);
  if (const Partition *config = table.find(label, kPartitionSubtypeNvs)) {
    result.partition = *config;
    result.contents = readNvs(flash.data() + config->offset, config->size);
  } else if (file != nullptr) {
    result.partition = *file;
    FlashArea area(flash, *file);
    FlashStore runtimeStore(store);
    result.contents = takeConfigFile(area, runtimeStore);
  }
  if (place.size > 0) result.count = countBoot(store, file != nullptr && !result.contents.values.empty());
  result.identity = readIdentity(result.contents);
  return result;
}

}  // namespace edgeflock
