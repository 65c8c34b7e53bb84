// Source: ESP-IDF 4.4, components/esp_timer.
#pragma once

#include <cstdint>

extern "C" int64_t esp_timer_get_time();
