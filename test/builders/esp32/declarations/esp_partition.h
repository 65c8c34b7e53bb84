// Source: ESP-IDF 4.4, components/spi_flash/include/esp_partition.h.
#pragma once

#include <cstddef>
#include <cstdint>

using esp_err_t = int;
#define ESP_OK 0

enum esp_partition_type_t { ESP_PARTITION_TYPE_APP = 0x00, ESP_PARTITION_TYPE_DATA = 0x01 };
enum esp_partition_subtype_t {
  ESP_PARTITION_SUBTYPE_DATA_NVS = 0x02,
  ESP_PARTITION_SUBTYPE_DATA_NVS_KEYS = 0x04,
  ESP_PARTITION_SUBTYPE_DATA_UNDEFINED = 0x06,
};
struct esp_partition_t {
  void *flash_chip;
  esp_partition_type_t type;
  esp_partition_subtype_t subtype;
  uint32_t address;
  uint32_t size;
  char label[17];
  bool encrypted;
};

extern "C" {
const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label);
esp_err_t esp_partition_read(const esp_partition_t *partition, size_t offset, void *to, size_t size);
esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size);
}
