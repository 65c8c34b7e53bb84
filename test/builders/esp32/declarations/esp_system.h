// Source: ESP-IDF 4.4, components/esp_system.
#pragma once

#include <cstdint>

extern "C" uint32_t esp_random();
