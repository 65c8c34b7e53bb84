// Every sensor driver, and those of them that this firmware was built with.
// A driver's settings lie in the NVS namespace that is named like the sensor: `pin` and so on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/sensor.h"

namespace edgeflock {

/// An analogue input: millivolts, times `factor` in thousandths (a voltage divider, say). `pin`, `factor`.
std::unique_ptr<Sensor> make_adc(Board &board, const Settings &settings, const std::string &name);
/// Bosch BME280: temperature (°C), humidity (%), pressure (hPa). `sda` (21), `scl` (22), `address` (0x76).
std::unique_ptr<Sensor> make_bme280(Board &board, const Settings &settings, const std::string &name);
/// Aosong DHT22 or AM2302: temperature (°C), humidity (%). `pin`.
std::unique_ptr<Sensor> make_dht22(Board &board, const Settings &settings, const std::string &name);
/// One Maxim DS18B20 on a line of its own: °C. `pin`.
std::unique_ptr<Sensor> make_ds18b20(Board &board, const Settings &settings, const std::string &name);
/// The modem's GNSS receiver: latitude, longitude (degrees), altitude (m), speed (km/h).
std::unique_ptr<Sensor> make_gnss(Board &board, const Settings &settings, const std::string &name);
/// No sensor at all, for boards that do not exist: a wave around `value` (20), `swing` (5) high, in 60 readings.
std::unique_ptr<Sensor> make_simulated(Board &board, const Settings &settings, const std::string &name);
/// The firmware itself: uptime (s), heap (bytes free).
std::unique_ptr<Sensor> make_system(Board &board, const Settings &settings, const std::string &name);

/// The sensors of this firmware's class (EDGEFLOCK_SENSORS).
std::vector<SensorEntry> builtSensors();

}  // namespace edgeflock
