// What a device says where, below its own topic. Portable.
#pragma once

#include <string>
#include <vector>

#include "core/identity.h"

namespace edgeflock {

/// Retained: "ready" while it is connected, "disconnected" after a goodbye, "lost" as its last will.
inline std::string stateTopic(const std::string &topic) { return topic + "/$state"; }
/// Retained: who it is.
inline std::string announcementTopic(const std::string &topic) { return topic + "/$edgeflock"; }
/// The outcome of a command.
inline std::string replyTopic(const std::string &topic) { return topic + "/$reply"; }
/// What a sensor measures, as a number in text, or what a camera sees.
inline std::string valueTopic(const std::string &topic, const std::string &name) { return topic + "/" + name; }

/// One line of JSON: device, class, firmware, config, gen.
std::string announcement(const Identity &identity, const std::string &firmwareVersion);

/// The command that a message on this topic gives: what stands below the filter that matches it.
/// @param filters those that were subscribed to, each ending with "/#"
/// @return an empty text where it is none
std::string commandOf(const std::string &topic, const std::vector<std::string> &filters);

}  // namespace edgeflock
