#include "core/nvs_reader.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/nvs_items.h"

namespace edgeflock {
namespace {

/// Turns items into values; keeps the newest of each key.
class Assembler {
 public:
  Assembler(const NvsItems &items, NvsContents &contents) : items_(items), contents_(contents) {
    for (const NvsItem &item : items.items) {
      if (item.header.type == NvsType::blobData) chunks_[chunkOf(item, item.header.chunk)] = &item;
    }
  }

  void add(const NvsItem &item) {
    const auto name = items_.namespaces.find(item.header.namespaceIndex);
    if (name == items_.namespaces.end()) return report(item, "belongs to a namespace that is not there");
    if (item.header.type == NvsType::blobData) return;  // read through its index
    NvsValue value;
    value.space = name->second;
    value.key = item.header.key;
    value.type = item.header.type;
    if (readInto(value, item)) keep(std::move(value));
  }

  void reportOrphans() {
    for (const auto &[name, item] : chunks_) {
      if (used_.count(item) == 0) report(*item, "is a piece of a blob that has no index");
    }
  }

 private:
  using ChunkName = std::tuple<uint8_t, std::string, uint8_t>;

  static ChunkName chunkOf(const NvsItem &item, uint8_t chunk) {
    return {item.header.namespaceIndex, item.header.key, chunk};
  }

  bool readInto(NvsValue &value, const NvsItem &item) {
    switch (item.header.type) {
      case NvsType::string: return readString(value, item);
      case NvsType::blobV1: value.type = NvsType::blobIndex; return readPayload(value.bytes, item);
      case NvsType::blobIndex: return readBlob(value, item);
      default: break;
    }
    const size_t width = integerWidth(item.header.type);
    if (width == 0) return refuse(item, "has an unknown type");
    if (item.header.span != 1) return refuse(item, "is an integer that claims more than one entry");
    value.bits = readU64(item.header.data);
    if (width < 8) {
      const unsigned unused = static_cast<unsigned>(64 - 8 * width);
      value.bits <<= unused;
      value.bits = isSigned(value.type) ? static_cast<uint64_t>(static_cast<int64_t>(value.bits) >> unused)
                                        : value.bits >> unused;
    }
    return true;
  }

  bool readString(NvsValue &value, const NvsItem &item) {
    if (!readPayload(value.bytes, item)) return false;
    const size_t end = value.bytes.find('\0');
    if (end == std::string::npos) return refuse(item, "is a string without its NUL");
    value.bytes.resize(end);
    return true;
  }

  bool readPayload(std::string &bytes, const NvsItem &item) {
    const size_t size = readU16(item.header.data);
    const size_t span = 1 + (size + kNvsEntrySize - 1) / kNvsEntrySize;
    if (span != item.header.span) return refuse(item, "has a length that does not fit its entries");
    if (nvsCrc32(item.payload, size) != readU32(item.header.data + 4)) {
      return refuse(item, "has data with a wrong checksum");
    }
    bytes.append(reinterpret_cast<const char *>(item.payload), size);
    return true;
  }

  bool readBlob(NvsValue &value, const NvsItem &index) {
    const size_t size = readU32(index.header.data);
    const unsigned count = index.header.data[4];
    const unsigned start = index.header.data[5];
    for (unsigned number = start; number < start + count; number++) {
      const auto chunk = chunks_.find(chunkOf(index, static_cast<uint8_t>(number)));
      if (number > 0xFE || chunk == chunks_.end()) return refuse(index, "is a blob with a piece missing");
      used_.insert(chunk->second);
      if (!readPayload(value.bytes, *chunk->second)) return refuse(index, "is a blob with a damaged piece");
    }
    if (value.bytes.size() != size) return refuse(index, "is a blob whose pieces do not add up to its size");
    return true;
  }

  void keep(NvsValue &&value) {
    const auto [place, isNew] = places_.insert({{value.space, value.key}, contents_.values.size()});
    if (isNew) {
      contents_.values.push_back(std::move(value));
    } else {
      contents_.values[place->second] = std::move(value);
    }
  }

  bool refuse(const NvsItem &item, const char *why) {
    report(item, why);
    return false;
  }

  void report(const NvsItem &item, const char *why) {
    contents_.problems.push_back(item.where() + ", key \"" + item.header.key + "\", " + why);
  }

  const NvsItems &items_;
  NvsContents &contents_;
  std::map<ChunkName, const NvsItem *> chunks_;
  std::set<const NvsItem *> used_;
  std::map<std::pair<std::string, std::string>, size_t> places_;
};

}  // namespace

NvsContents readNvs(const uint8_t *partition, size_t size) {
  NvsContents contents;
  const NvsItems items = collectNvsItems(partition, size, contents.problems);
  Assembler assembler(items, contents);
  for (const NvsItem &item : items.items) assembler.add(item);
  assembler.reportOrphans();
  return contents;
}

const NvsValue *NvsContents::find(const std::string &space, const std::string &key) const {
  for (const NvsValue &value : values) {
    if (value.space == space && value.key == key) return &value;
  }
  return nullptr;
}

std::string NvsContents::text(const std::string &space, const std::string &key) const {
  const NvsValue *value = find(space, key);
  return value != nullptr && value->type == NvsType::string ? value->bytes : "";
}

std::string NvsValue::typeName() const {
  if (type == NvsType::string) return "string";
  const size_t width = integerWidth(type);
  if (width == 0) return "blob";
  return (isSigned(type) ? "i" : "u") + std::to_string(8 * width);
}

std::string NvsValue::decimal() const {
  return isSigned(type) ? std::to_string(static_cast<int64_t>(bits)) : std::to_string(bits);
}

}  // namespace edgeflock
