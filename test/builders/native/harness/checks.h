// Counts a program's checks: prints how many there were, or a line for each that failed.
#pragma once

#include <cstdio>
#include <string>

inline unsigned checks = 0, failures = 0;

inline void check(bool holds, const std::string &what) {
  checks++;
  if (holds) return;
  failures++;
  std::printf("failed: %s\n", what.c_str());
}

/// The program's exit code.
inline int report() {
  if (failures > 0) return 1;
  std::printf("%u checks\n", checks);
  return 0;
}
