// The firmware of every board: what is where, and how it is built.
//
//   core/            portable: settings from NVS or from a file, identity, connection, sensors, topics, commands, log.
//                    Knows nothing of Arduino, ESP-IDF or POSIX; reaches the board through core/board.h.
//   drivers/         portable: one sensor driver a file, through the board's pins and I2C. make_<driver>() is its
//                    only name outside.
//   boards/arduino/  shared by all chips: Arduino-ESP32 behind core/board.h, with setup() and loop().
//   boards/<board>/  what is special to esp32dev, esp32-cam, sim7600. boards/native is this host, with main().
//
// A build for a chip compiles core/, drivers/, boards/arduino/ and boards/<board>/; a build for this host compiles
// core/, drivers/ and boards/native/. C++17, include path: this folder, and the one with the generated
// edgeflock_build.h (builders/esp32/build-header.ts writes it):
//
//   #define EDGEFLOCK_BOARD "esp32dev"
//   #define EDGEFLOCK_CHIP "esp32"
//   #define EDGEFLOCK_VERSION "0.1.0+1a2b3c4d"
//   #define EDGEFLOCK_CONFIG_LABEL "cfg"
//   #define EDGEFLOCK_SENSORS(X) X("temperature", ds18b20, "\302\260C") X("air", dht22, "")
//
// TLS is Mbed TLS on every board: ESP-IDF's own on a chip, the same release compiled for this host.
#pragma once

#include "edgeflock_build.h"
