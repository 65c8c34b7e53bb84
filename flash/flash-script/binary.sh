# ---- Reading the formats of the ESP32 ------------------------------------------------------------------

# Prints one byte a line, as two hexadecimal digits.
bytes_of() {
  od -An -v -tx1 "$@" | tr -s ' ' '\n' | sed '/^$/d'
}

# What the awk programs below share: byte(i) as a number, little(i, n) as a little-endian number of n bytes,
# text(i, n) up to a zero byte with every unprintable character as "?".
# shellcheck disable=SC2016 # $1 is awk's
awk_bytes='
  function digit(c) { return index("0123456789abcdef", c) - 1 }
  function byte(i) { return digit(substr(hex[i], 1, 1)) * 16 + digit(substr(hex[i], 2, 1)) }
  function little(i, n,  k, sum) { sum = 0; for (k = n - 1; k >= 0; k--) sum = sum * 256 + byte(i + k); return sum }
  function text(i, n,  k, b, out) {
    out = ""
    for (k = 0; k < n; k++) { b = byte(i + k); if (b == 0) break; out = out (b > 32 && b < 127 ? sprintf("%c", b) : "?") }
    return out
  }
  { hex[NR - 1] = $1 }
'

# partition_rows FILE: "type subtype offset size label" for each partition of a partition table.
# Format: docs.espressif.com/projects/esp-idf, "Partition Tables", binary format.
partition_rows() {
  bytes_of "$1" | awk "$awk_bytes"'
    END {
      for (i = 0; i + 32 <= NR && little(i, 2) == 20650; i += 32)
        print byte(i + 2), byte(i + 3), little(i + 4, 4), little(i + 8, 4), text(i + 12, 16)
    }'
}

# file_identity FILE: the same from a configuration that comes as a file: 16 bytes of header, then CSV, in which the
# namespace "edgeflock" comes first.
file_identity() {
  tail -c +17 "$1" | LC_ALL=C tr -d '\000\377' | LC_ALL=C tr -c '\n -~' '?' | LC_ALL=C awk -F, '
    $2 == "namespace" { if (space != "") exit; space = $1 }
    space == "edgeflock" && $2 == "data" && ($1 == "device" || $1 == "class") { print $1, $4 }'
}

# nvs_identity FILE: "device NAME" and "class NAME" from the namespace "edgeflock" of a plain NVS image.
# Format: docs.espressif.com/projects/esp-idf, "Non-Volatile Storage Library", structure of a page.
nvs_identity() {
  bytes_of "$1" | awk "$awk_bytes"'
    # no "^": the awk of some busyboxes has none
    function shift(n) { return n == 0 ? 1 : n == 1 ? 4 : n == 2 ? 16 : 64 }
    function written(page, entry) { return int(byte(page + 32 + int(entry / 4)) / shift(entry % 4)) % 4 == 2 }
    END {
      for (page = 0; page + 4096 <= NR; page += 4096) {
        if (little(page, 4) == 4294967295) continue
        for (entry = 0; entry < 126; entry += span) {
          at = page + 64 + entry * 32
          span = 1
          if (!written(page, entry)) continue
          if (byte(at + 2) > 0) span = byte(at + 2)
          key = text(at + 8, 16)
          if (byte(at) == 0 && key == "edgeflock") owner = byte(at + 24)
          if (byte(at) > 0 && byte(at) == owner && byte(at + 1) == 33 && (key == "device" || key == "class"))
            print key, text(at + 32, little(at + 24, 2))
        }
      }
    }'
}

# check_chip_of_image FILE NAME: refuses an image that was built for another chip
check_chip_of_image() {
  head=$(bytes_of -N 14 "$1" | tr -d '\n')
  case $head in
  e9*) ;;
  *) return 0 ;;
  esac
  [ "$(printf '%s' "$head" | cut -c 25-28)" = "$CHIP_ID" ] || fail 7 "$2 was not built for a chip $CHIP." "The class's firmware is wrong: tell whoever runs the cluster."
}

# hex_of NUMBER: 36864 as 0x009000
hex_of() {
  printf '0x%06x' "$1"
}
