#include "core/topics.h"

#include "core/text.h"

namespace edgeflock {

std::string announcement(const Identity &identity, const std::string &firmwareVersion) {
  return "{\"device\":" + jsonString(identity.device) + ",\"class\":" + jsonString(identity.deviceClass) +
         ",\"firmware\":" + jsonString(firmwareVersion) + ",\"config\":" + jsonString(identity.config) +
         ",\"gen\":" + std::to_string(identity.generation) + "}";
}

std::string commandOf(const std::string &topic, const std::vector<std::string> &filters) {
  for (const std::string &filter : filters) {
    if (filter.size() < 2 || filter.compare(filter.size() - 2, 2, "/#") != 0) continue;
    const size_t prefix = filter.size() - 1;  // with its slash
    if (topic.size() > prefix && topic.compare(0, prefix, filter, 0, prefix) == 0) return topic.substr(prefix);
  }
  return "";
}

}  // namespace edgeflock
