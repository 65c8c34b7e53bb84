// Checks of a chip's storage against an NVS library that fails as ESP-IDF's does. Prints how many there were; exits 1 with
// a line for each that failed.
#include <nvs_flash.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "boards/arduino/storage.h"
#include "core/nvs_store.h"
#include "checks.h"
#include "cut_flash.h"

using namespace edgeflock;

namespace {

constexpr size_t kSize = 0x5000;
/// The chip: what its library answers, and how often the runtime partition was wiped.
std::vector<uint8_t> runtime;
esp_err_t initAnswers = ESP_OK, readAnswers = ESP_OK;
unsigned wiped = 0;
const esp_partition_t kRuntimePartition = {nullptr, ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, 0x9000,
                                           kSize,   "nvs",                   false};

/// A runtime partition with one number in it.
std::vector<uint8_t> partitionWith(const char *key) {
  CutFlash flash(kSize, -1);
  NvsStore store(flash, 0, kSize);
  store.put("edgeflock", key, 7);
  return std::vector<uint8_t>(flash.data(), flash.data() + kSize);
}

unsigned wipesFor(esp_err_t answer, const std::vector<uint8_t> &partition) {
  runtime = partition;
  initAnswers = answer;
  wiped = 0;
  bootFromPartitions("cfg");
  return wiped;
}

}  // namespace

extern "C" {
esp_err_t nvs_flash_init() { return initAnswers; }
esp_err_t nvs_flash_erase() {
  wiped++;
  initAnswers = ESP_OK;
  return ESP_OK;
}
const esp_partition_t *esp_partition_find_first(esp_partition_type_t, esp_partition_subtype_t subtype, const char *label) {
  const bool wanted = subtype == ESP_PARTITION_SUBTYPE_DATA_NVS && label != nullptr && std::strcmp(label, "nvs") == 0;
  return wanted ? &kRuntimePartition : nullptr;
}
esp_err_t esp_partition_read(const esp_partition_t *, size_t offset, void *to, size_t size) {
  std::copy_n(runtime.begin() + static_cast<long>(offset), size, static_cast<uint8_t *>(to));
  return readAnswers;
}
esp_err_t esp_partition_erase_range(const esp_partition_t *, size_t, size_t) { return ESP_OK; }
esp_err_t nvs_flash_init_partition(const char *) { return ESP_OK; }
esp_err_t nvs_flash_secure_init_partition(const char *, nvs_sec_cfg_t *) { return ESP_OK; }
esp_err_t nvs_flash_read_security_cfg(const esp_partition_t *, nvs_sec_cfg_t *) { return ESP_OK; }
esp_err_t nvs_open_from_partition(const char *, const char *, nvs_open_mode_t, nvs_handle_t *) { return ESP_ERR_NVS_NOT_FOUND; }
void nvs_close(nvs_handle_t) {}
esp_err_t nvs_commit(nvs_handle_t) { return ESP_OK; }
nvs_iterator_t nvs_entry_find(const char *, const char *, nvs_type_t) { return nullptr; }
nvs_iterator_t nvs_entry_next(nvs_iterator_t) { return nullptr; }
void nvs_entry_info(nvs_iterator_t, nvs_entry_info_t *) {}
#define NUMBER(name, type)                                                             \
  esp_err_t nvs_get_##name(nvs_handle_t, const char *, type *) { return ESP_OK; }      \
  esp_err_t nvs_set_##name(nvs_handle_t, const char *, type) { return ESP_OK; }
NUMBER(u8, uint8_t)
NUMBER(i8, int8_t)
NUMBER(u16, uint16_t)
NUMBER(i16, int16_t)
NUMBER(u32, uint32_t)
NUMBER(i32, int32_t)
NUMBER(u64, uint64_t)
NUMBER(i64, int64_t)
esp_err_t nvs_get_str(nvs_handle_t, const char *, char *, size_t *) { return ESP_OK; }
esp_err_t nvs_get_blob(nvs_handle_t, const char *, void *, size_t *) { return ESP_OK; }
esp_err_t nvs_set_str(nvs_handle_t, const char *, const char *) { return ESP_OK; }
esp_err_t nvs_set_blob(nvs_handle_t, const char *, const void *, size_t) { return ESP_OK; }
}

int main() {
  const std::vector<uint8_t> settings = partitionWith("file"), counter = partitionWith("boots");
  check(wipesFor(ESP_OK, counter) == 0, "what can be opened is kept");
  check(wipesFor(ESP_ERR_NVS_NO_FREE_PAGES, counter) == 1, "a full partition starts anew");
  check(wipesFor(ESP_ERR_NVS_NEW_VERSION_FOUND, counter) == 1, "one of a later version starts anew");
  check(wipesFor(0x1105, counter) == 0, "any other error is no reason to wipe");
  for (const esp_err_t error : {ESP_ERR_NVS_NO_FREE_PAGES, ESP_ERR_NVS_NEW_VERSION_FOUND, 0x1105}) {
    check(wipesFor(error, settings) == 0, "the only copy of the settings is never wiped");
  }
  initAnswers = 0x1105;
  const Boot boot = bootFromPartitions("cfg");
  check(!boot.contents.problems.empty() && boot.contents.problems[0] == "the partition nvs cannot be opened, code 4357", "it says so");
  readAnswers = 0x105;
  check(wipesFor(ESP_ERR_NVS_NO_FREE_PAGES, counter) == 0, "nor is what cannot be looked at");
  return report();
}
