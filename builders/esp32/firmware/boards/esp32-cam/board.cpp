// AI-Thinker's ESP32-CAM. Settings: camera/size (QVGA, VGA, SVGA, XGA, SXGA, UXGA; default SVGA), camera/quality
// (10 best to 63; default 12), camera/flash (whether the lamp goes on for a still; default off).
#include <esp_camera.h>

#include "boards/arduino/wifi_board.h"

namespace edgeflock {
namespace {

constexpr uint8_t kLamp = 4;
constexpr uint32_t kLampWarmsUp = 150;  // milliseconds, in which exposure adapts

struct Size {
  const char *name = "";
  framesize_t size;
};
constexpr Size kSizes[] = {{"QVGA", FRAMESIZE_QVGA}, {"VGA", FRAMESIZE_VGA},   {"SVGA", FRAMESIZE_SVGA},
                           {"XGA", FRAMESIZE_XGA},   {"SXGA", FRAMESIZE_SXGA}, {"UXGA", FRAMESIZE_UXGA}};

framesize_t frameSize(const std::string &name) {
  for (const Size &size : kSizes) {
    if (name == size.name) return size.size;
  }
  return FRAMESIZE_SVGA;
}

camera_config_t configuration(const Settings &settings) {
  camera_config_t config = {};
  config.pin_pwdn = 32;
  config.pin_reset = -1;
  config.pin_xclk = 0;
  config.pin_sscb_sda = 26;
  config.pin_sscb_scl = 27;
  config.pin_d7 = 35;
  config.pin_d6 = 34;
  config.pin_d5 = 39;
  config.pin_d4 = 36;
  config.pin_d3 = 21;
  config.pin_d2 = 19;
  config.pin_d1 = 18;
  config.pin_d0 = 5;
  config.pin_vsync = 25;
  config.pin_href = 23;
  config.pin_pclk = 22;
  config.xclk_freq_hz = 20000000;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = PIXFORMAT_JPEG;
  config.frame_size = frameSize(settings.text("camera", "size", "SVGA"));
  config.jpeg_quality = static_cast<int>(settings.numberWithin("camera", "quality", 10, 63, 12));
  config.fb_count = 1;
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_WHEN_EMPTY;
  return config;
}

class CameraBoard : public WifiBoard {
 public:
  std::string takeStill(const Settings &settings, std::vector<uint8_t> &jpeg) override {
    if (!ready_) {
      const camera_config_t config = configuration(settings);
      if (esp_camera_init(&config) != ESP_OK) return "the camera does not answer";
      ready_ = true;
    }
    const bool lamp = settings.flag("camera", "flash", false);
    if (lamp) light(true);
    // the buffer holds what was seen when the last still was taken
    if (camera_fb_t *old = esp_camera_fb_get()) esp_camera_fb_return(old);
    camera_fb_t *frame = esp_camera_fb_get();
    if (lamp) light(false);
    if (frame == nullptr) return "the camera gave no picture";
    jpeg.assign(frame->buf, frame->buf + frame->len);
    esp_camera_fb_return(frame);
    return "";
  }

 private:
  void light(bool on) {
    pinMode(kLamp, OUTPUT);
    digitalWrite(kLamp, on ? HIGH : LOW);
    if (on) sleep(kLampWarmsUp);
  }

  bool ready_ = false;
};

}  // namespace

Board &thisBoard() {
  static CameraBoard board;
  return board;
}

}  // namespace edgeflock
