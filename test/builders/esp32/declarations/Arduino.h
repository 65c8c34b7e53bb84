// Thin declarations of what the board layers use of Arduino-ESP32 2.0.17, to compile them on a host.
// Source: github.com/espressif/arduino-esp32, cores/esp32.
#pragma once

#include <cstddef>
#include <cstdint>

#define HIGH 0x1
#define LOW 0x0
#define OUTPUT 0x03
#define OUTPUT_OPEN_DRAIN 0x13
#define SERIAL_8N1 0x800001c

using esp_err_t = int;
#define ESP_OK 0

struct portMUX_TYPE {
  uint32_t owner;
  uint32_t count;
};
#define portMUX_INITIALIZER_UNLOCKED {0xB33FFFFF, 0}
void vPortEnterCritical(portMUX_TYPE *mux);
void vPortExitCritical(portMUX_TYPE *mux);
#define portENTER_CRITICAL(mux) vPortEnterCritical(mux)
#define portEXIT_CRITICAL(mux) vPortExitCritical(mux)

void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t value);
int digitalRead(uint8_t pin);
void delayMicroseconds(uint32_t microseconds);
void delay(uint32_t milliseconds);
int8_t digitalPinToAnalogChannel(uint8_t pin);
uint32_t analogReadMilliVolts(uint8_t pin);

class HardwareSerial {
 public:
  void begin(unsigned long baud, uint32_t config = SERIAL_8N1, int8_t rxPin = -1, int8_t txPin = -1);
  int read();
  size_t write(const uint8_t *bytes, size_t length);
  size_t print(const char *text);
  size_t println(const char *text);
};
extern HardwareSerial Serial;
extern HardwareSerial Serial1;

class EspClass {
 public:
  void restart();
  uint32_t getFreeHeap();
};
extern EspClass ESP;
