#include "core/identity.h"

namespace edgeflock {

Identity readIdentity(const NvsContents &contents) {
  Identity identity;
  identity.device = contents.text("edgeflock", "device");
  identity.deviceClass = contents.text("edgeflock", "class");
  identity.config = contents.text("edgeflock", "config");
  const NvsValue *generation = contents.find("edgeflock", "gen");
  if (generation != nullptr && generation->type == NvsType::u32) {
    identity.generation = static_cast<uint32_t>(generation->bits);
  }
  return identity;
}

}  // namespace edgeflock
