// Source: ESP-IDF 4.4, components/nvs_flash/include/nvs_flash.h.
#pragma once

#include "esp_partition.h"
#include "nvs.h"

struct nvs_sec_cfg_t {
  uint8_t eky[32];
  uint8_t tky[32];
};

extern "C" {
esp_err_t nvs_flash_init();
esp_err_t nvs_flash_erase();
esp_err_t nvs_flash_init_partition(const char *label);
esp_err_t nvs_flash_secure_init_partition(const char *label, nvs_sec_cfg_t *secrets);
esp_err_t nvs_flash_read_security_cfg(const esp_partition_t *partition, nvs_sec_cfg_t *secrets);
}
