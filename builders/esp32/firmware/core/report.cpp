#include "core/report.h"

#include <cstdio>

#include "core/text.h"

namespace edgeflock {
namespace {

std::string hexOffset(size_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%zx", value);
  return text;
}

std::string valueAsText(const NvsValue &value) {
  if (value.type == NvsType::string) return visibleText(value.bytes);
  if (value.typeName() == "blob") return hexadecimal(value.bytes);
  return value.decimal();
}

std::string valueAsJson(const NvsValue &value) {
  if (value.type == NvsType::string) return jsonString(value.bytes);
  if (value.typeName() == "blob") return jsonString(hexadecimal(value.bytes));
  return integerWidth(value.type) == 8 ? jsonString(value.decimal()) : value.decimal();
}

std::string bootAsJson(const Boot &boot, const Firmware &firmware, bool showValues) {
  const Identity &identity = boot.identity;
  std::string out = "{\"firmware\":" + jsonString(firmware.version) + ",\"chip\":" + jsonString(firmware.chip);
  out += ",\"boot\":" + std::to_string(boot.count);
  if (!boot.flashProblem.empty()) out += ",\"flashProblem\":" + jsonString(boot.flashProblem);
  if (identity.isKnown()) {
    out += ",\"device\":" + jsonString(identity.device) + ",\"class\":" + jsonString(identity.deviceClass);
    out += ",\"config\":" + jsonString(identity.config);
    out += ",\"generation\":" + std::to_string(identity.generation);
  }
  if (!boot.partition.label.empty()) {
    out += ",\"partition\":{\"label\":" + jsonString(boot.partition.label);
    out += ",\"offset\":" + std::to_string(boot.partition.offset);
    out += ",\"size\":" + std::to_string(boot.partition.size) + "}";
  }
  return out + "," + contentsAsJson(boot.contents, showValues) + "}\n";
}

std::string bootAsText(const Boot &boot, const Firmware &firmware, const ReportOptions &options) {
  const Identity &identity = boot.identity;
  const auto line = [](const std::string &text) { return "edgeflock: " + text + "\n"; };
  std::string out = line("firmware " + firmware.version + " for " + firmware.chip + ", start " +
                         std::to_string(boot.count));
  if (!boot.flashProblem.empty()) return out + line(boot.flashProblem);
  if (boot.partition.label.empty()) return out + line("the partition table has no configuration partition");
  for (const std::string &problem : boot.contents.problems) {
    out += line("configuration damaged: " + visibleText(problem));
  }
  if (!identity.isKnown()) {
    return out + line("no configuration in \"" + visibleText(boot.partition.label) + "\" at " +
                      hexOffset(boot.partition.offset) + "; waiting for one to be flashed");
  }
  out += line("device " + visibleText(identity.device) + ", class " + visibleText(identity.deviceClass) +
              ", firmware " + firmware.version + ", config " + visibleText(identity.config) + ", generation " +
              std::to_string(identity.generation));
  for (const NvsValue &value : boot.contents.values) {
    const std::string shown = options.showValues ? " = " + valueAsText(value) : "";
    out += line("  " + visibleText(value.space) + "/" + visibleText(value.key) + " (" + value.typeName() + ")" + shown);
  }
  return out;
}

}  // namespace

std::string reportBoot(const Boot &boot, const Firmware &firmware, const ReportOptions &options) {
  return options.json ? bootAsJson(boot, firmware, options.showValues) : bootAsText(boot, firmware, options);
}

std::string contentsAsJson(const NvsContents &contents, bool showValues) {
  std::string out = "\"entries\":[";
  const char *comma = "";
  for (const NvsValue &value : contents.values) {
    out += comma;
    comma = ",";
    out += "{\"namespace\":" + jsonString(value.space) + ",\"key\":" + jsonString(value.key);
    out += ",\"type\":" + jsonString(value.typeName());
    if (showValues) out += ",\"value\":" + valueAsJson(value);
    out += '}';
  }
  out += "],\"problems\":[";
  comma = "";
  for (const std::string &problem : contents.problems) {
    out += comma + jsonString(problem);
    comma = ",";
  }
  return out + "]";
}

}  // namespace edgeflock
