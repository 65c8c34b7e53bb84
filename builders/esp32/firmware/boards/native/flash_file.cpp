#include "boards/native/flash_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace edgeflock {

FlashFile::~FlashFile() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

std::string FlashFile::open(const std::string &path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return std::strerror(errno);
  struct stat info {};
  std::string problem;
  if (fstat(file, &info) != 0) {
    problem = std::strerror(errno);
  } else if (!S_ISREG(info.st_mode) || info.st_size <= 0 || info.st_size % off_t{kSectorSize} != 0) {
    problem = "not a flash image: its size is no multiple of 4096 bytes";
  } else {
    size_ = static_cast<size_t>(info.st_size);
    void *mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
      problem = std::strerror(errno);
    } else {
      bytes_ = static_cast<uint8_t *>(mapped);
    }
  }
  close(file);
  return problem;
}

bool FlashFile::program(size_t offset, const uint8_t *bytes, size_t length) {
  if (offset > size_ || length > size_ - offset) return false;
  for (size_t at = 0; at < length; at++) bytes_[offset + at] &= bytes[at];
  return std::memcmp(bytes_ + offset, bytes, length) == 0;
}

bool FlashFile::eraseSector(size_t offset) {
  if (offset % kSectorSize != 0 || offset >= size_) return false;
  std::memset(bytes_ + offset, 0xFF, kSectorSize);
  return true;
}

}  // namespace edgeflock
