// Cuts the power after each single write to a flash, while a counter is kept in NVS, and checks after every cut
// that the next start finds the counter as it was before or after the write that was cut. Exits 1 with a line if not.
#include <cstdio>

#include "core/nvs_reader.h"
#include "core/nvs_store.h"
#include "cut_flash.h"

using namespace edgeflock;

namespace {

constexpr size_t kPages = 3;
constexpr size_t kSize = kPages * kSectorSize;

int fail(long cut, const char *what, uint32_t expected, uint32_t found) {
  std::printf("power cut at write %ld: %s: expected %u or one more, found %u\n", cut, what, expected, found);
  return 1;
}

}  // namespace

int main() {
  constexpr uint32_t kCounts = 420;  // more than all pages hold: several turnovers
  long cut = 1;
  for (;; cut++) {
    CutFlash flash(kSize, cut);
    NvsStore store(flash, 0, kSize);
    store.put("other", "kept", 77);
    const bool keptIsThere = !flash.isOff();
    uint32_t reached = 0;
    for (uint32_t count = 1; count <= kCounts && !flash.isOff(); count++) {
      store.put("edgeflock", "boots", count);
      if (!flash.isOff()) reached = count;
    }
    const bool finished = !flash.isOff();
    flash.restorePower();
    NvsStore next(flash, 0, kSize);
    next.repair();
    const uint32_t found = next.get("edgeflock", "boots", 0);
    if (found != reached && found != reached + 1) return fail(cut, "after the cut", reached, found);
    if (keptIsThere && next.get("other", "kept", 0) != 77) return fail(cut, "the other key", 77, next.get("other", "kept", 0));
    for (uint32_t more = 1; more <= 200; more++) {
      if (!next.put("edgeflock", "boots", found + more)) return fail(cut, "no room afterwards", found + more, 0);
    }
    if (next.get("edgeflock", "boots", 0) != found + 200) return fail(cut, "counting on", found + 200, next.get("edgeflock", "boots", 0));
    const NvsContents contents = readNvs(flash.data(), kSize);
    if (!contents.problems.empty()) {
      std::printf("power cut at write %ld: %s\n", cut, contents.problems.front().c_str());
      return 1;
    }
    if (finished) break;
  }
  std::printf("%ld cuts\n", cut);
  return 0;
}
