#include "boards/arduino/storage.h"

#include <esp_partition.h>
#include <nvs.h>
#include <nvs_flash.h>

#include <string>
#include <vector>

#include "core/config_move.h"
#include "core/nvs_reader.h"

namespace edgeflock {
namespace {

constexpr const char *kRuntime = "nvs";

/// Opens a namespace for as long as it lives.
class Handle {
 public:
  Handle(const char *partition, const char *space, nvs_open_mode_t mode) {
    isOpen = nvs_open_from_partition(partition, space, mode, &handle) == ESP_OK;
  }
  ~Handle() {
    if (isOpen) nvs_close(handle);
  }
  Handle(const Handle &) = delete;
  Handle &operator=(const Handle &) = delete;

  nvs_handle_t handle = 0;
  bool isOpen = false;
};

template <typename Integer>
bool getInteger(esp_err_t (*get)(nvs_handle_t, const char *, Integer *), const Handle &from, NvsValue &value) {
  Integer number = 0;
  if (get(from.handle, value.key.c_str(), &number) != ESP_OK) return false;
  value.bits = static_cast<uint64_t>(static_cast<int64_t>(number));
  return true;
}

template <typename Bytes>
bool getBytes(esp_err_t (*get)(nvs_handle_t, const char *, Bytes *, size_t *), const Handle &from, NvsValue &value) {
  size_t length = 0;
  if (get(from.handle, value.key.c_str(), nullptr, &length) != ESP_OK) return false;
  value.bytes.resize(length);
  return length == 0 || get(from.handle, value.key.c_str(), &value.bytes[0], &length) == ESP_OK;
}

bool getString(const Handle &from, NvsValue &value) {
  if (!getBytes<char>(nvs_get_str, from, value)) return false;
  if (!value.bytes.empty()) value.bytes.pop_back();  // its NUL
  return true;
}

bool get(const Handle &from, NvsValue &value) {
  switch (value.type) {
    case NvsType::u8: return getInteger<uint8_t>(nvs_get_u8, from, value);
    case NvsType::i8: return getInteger<int8_t>(nvs_get_i8, from, value);
    case NvsType::u16: return getInteger<uint16_t>(nvs_get_u16, from, value);
    case NvsType::i16: return getInteger<int16_t>(nvs_get_i16, from, value);
    case NvsType::u32: return getInteger<uint32_t>(nvs_get_u32, from, value);
    case NvsType::i32: return getInteger<int32_t>(nvs_get_i32, from, value);
    case NvsType::u64: return getInteger<uint64_t>(nvs_get_u64, from, value);
    case NvsType::i64: return getInteger<int64_t>(nvs_get_i64, from, value);
    case NvsType::string: return getString(from, value);
    default: return getBytes<void>(nvs_get_blob, from, value);
  }
}

esp_err_t set(const Handle &to, const NvsValue &value) {
  const char *key = value.key.c_str();
  switch (value.type) {
    case NvsType::u8: return nvs_set_u8(to.handle, key, static_cast<uint8_t>(value.bits));
    case NvsType::i8: return nvs_set_i8(to.handle, key, static_cast<int8_t>(value.bits));
    case NvsType::u16: return nvs_set_u16(to.handle, key, static_cast<uint16_t>(value.bits));
    case NvsType::i16: return nvs_set_i16(to.handle, key, static_cast<int16_t>(value.bits));
    case NvsType::u32: return nvs_set_u32(to.handle, key, static_cast<uint32_t>(value.bits));
    case NvsType::i32: return nvs_set_i32(to.handle, key, static_cast<int32_t>(value.bits));
    case NvsType::u64: return nvs_set_u64(to.handle, key, value.bits);
    case NvsType::i64: return nvs_set_i64(to.handle, key, static_cast<int64_t>(value.bits));
    case NvsType::string: return nvs_set_str(to.handle, key, value.bytes.c_str());
    default: return nvs_set_blob(to.handle, key, value.bytes.data(), value.bytes.size());
  }
}

NvsContents readPartition(const char *label) {
  NvsContents contents;
  nvs_iterator_t at = nvs_entry_find(label, nullptr, NVS_TYPE_ANY);
  for (; at != nullptr; at = nvs_entry_next(at)) {
    nvs_entry_info_t info;
    nvs_entry_info(at, &info);
    NvsValue value;
    value.space = info.namespace_name;
    value.key = info.key;
    // the library's codes of types are those of the format, but for blobs
    value.type = info.type == NVS_TYPE_BLOB ? NvsType::blobIndex : static_cast<NvsType>(info.type);
    const Handle from(label, info.namespace_name, NVS_READONLY);
    if (from.isOpen && get(from, value)) {
      contents.values.push_back(value);
    } else {
      contents.problems.push_back("key \"" + value.key + "\" cannot be read");
    }
  }
  return contents;
}

/// With its keys, where the table has a partition for them. @return false where it cannot be read
bool openNvs(const char *label) {
  const esp_partition_t *keys =
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS_KEYS, nullptr);
  if (keys == nullptr) return nvs_flash_init_partition(label) == ESP_OK;
  nvs_sec_cfg_t secrets;
  if (nvs_flash_read_security_cfg(keys, &secrets) != ESP_OK) return false;
  return nvs_flash_secure_init_partition(label, &secrets) == ESP_OK;
}

class PartitionArea : public FileArea {
 public:
  explicit PartitionArea(const esp_partition_t *partition) : partition_(partition), bytes_(partition->size) {
    esp_partition_read(partition_, 0, bytes_.data(), bytes_.size());
  }
  size_t size() const override { return bytes_.size(); }
  const uint8_t *data() const override { return bytes_.data(); }
  bool eraseSector(size_t offset) override {
    return esp_partition_erase_range(partition_, offset, kSectorSize) == ESP_OK;
  }

 private:
  const esp_partition_t *partition_;
  std::vector<uint8_t> bytes_;
};

class LibraryStore : public RuntimeStore {
 public:
  NvsContents read() const override { return readPartition(kRuntime); }
  bool put(const NvsValue &value) override {
    const Handle to(kRuntime, value.space.c_str(), NVS_READWRITE);
    return to.isOpen && set(to, value) == ESP_OK && nvs_commit(to.handle) == ESP_OK;
  }
  bool clear() override { return nvs_flash_erase() == ESP_OK && nvs_flash_init() == ESP_OK; }
};

/// Read without the library, which may be what fails.
bool holdsTheOnlyCopy() {
  const esp_partition_t *runtime =
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, kRuntime);
  if (runtime == nullptr) return false;
  std::vector<uint8_t> bytes(runtime->size);
  // what cannot be read may be anything
  return esp_partition_read(runtime, 0, bytes.data(), bytes.size()) != ESP_OK ||
         holdsMovedSettings(readNvs(bytes.data(), bytes.size()));
}

/// What ESP-IDF's examples do: where the partition is full, or of a later version, it starts anew; but not where that would
/// be the end of the settings, which have come as a file and are nowhere else. @return what is wrong, or an empty text
std::string openRuntime(LibraryStore &store) {
  const esp_err_t opened = nvs_flash_init();
  if (opened == ESP_OK) return "";
  const bool startsAnew = opened == ESP_ERR_NVS_NO_FREE_PAGES || opened == ESP_ERR_NVS_NEW_VERSION_FOUND;
  if (startsAnew && !holdsTheOnlyCopy() && store.clear()) return "";
  return "the partition nvs cannot be opened, code " + std::to_string(opened);
}

uint32_t countBoot(LibraryStore &store) {
  const Handle from(kRuntime, "edgeflock", NVS_READONLY);
  NvsValue boots;
  boots.space = "edgeflock";
  boots.key = "boots";
  boots.type = NvsType::u32;
  if (from.isOpen) get(from, boots);
  boots.bits++;
  return store.put(boots) ? static_cast<uint32_t>(boots.bits) : 0;
}

}  // namespace

Boot bootFromPartitions(const std::string &label) {
  Boot result;
  LibraryStore store;
  const std::string problem = openRuntime(store);
  const auto find = [&](esp_partition_subtype_t subtype) {
    return esp_partition_find_first(ESP_PARTITION_TYPE_DATA, subtype, label.c_str());
  };
  const esp_partition_t *nvs = find(ESP_PARTITION_SUBTYPE_DATA_NVS);
  const esp_partition_t *file = nvs == nullptr ? find(ESP_PARTITION_SUBTYPE_DATA_UNDEFINED) : nullptr;
  const esp_partition_t *found = nvs != nullptr ? nvs : file;
  if (found != nullptr) {
    result.partition.label = label;
    result.partition.offset = found->address;
    result.partition.size = found->size;
  }
  if (nvs != nullptr) {
    if (openNvs(label.c_str())) {
      result.contents = readPartition(label.c_str());
    } else {
      result.contents.problems.push_back("its partition cannot be opened");
    }
  } else if (file != nullptr) {
    PartitionArea area(file);
    result.contents = takeConfigFile(area, store);
  }
  if (!problem.empty()) result.contents.problems.push_back(problem);
  result.count = countBoot(store);
  result.identity = readIdentity(result.contents);
  return result;
}

}  // namespace edgeflock
