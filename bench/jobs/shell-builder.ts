// A builder of configuration images for the benchmark: as light as one can be, so that what is measured is what its
// Jobs cost. A script for busybox that writes a configuration as a file (docs/firmware.md). Text only.

/** From input/settings.json, of which each line has one field, to rows of Espressif's CSV. */
const ROWS = `
/"namespace":/ { space = $4 }
/"key":/ { key = $4 }
/"type":/ { type = $4 }
/"(value|secret)":/ {
  value = $4
  if ($2 == "secret") { file = "input/secrets/" $4; value = ""; while ((getline line < file) > 0) value = value line }
  if (space != last) print space ",namespace,,"
  last = space
  print key ",data," type "," value
}`;

/** Four bytes of a number in hexadecimal digits, the lowest first. */
const LITTLE_ENDIAN =
  'le() { set -- $(echo "$1" | sed "s/../& /g"); printf "\\\\x$4\\\\x$3\\\\x$2\\\\x$1"; }';

const SCRIPT = `set -e
for tool in awk sed crc32 printf stat; do eval "$tool() { busybox $tool \\"\\$@\\"; }"; done
${LITTLE_ENDIAN}
csv=output/config.csv
{ echo key,type,encoding,value; awk -F '"' '${ROWS}' input/settings.json; } > $csv
size=$(awk '/"size":/ { print $2 + 0 }' input/settings.json)
length=$(stat -c %s $csv)
{ printf EDGEFCFG; le $(printf %08x $length); le $(crc32 $csv | head -c 8); cat $csv
  head -c $((size - length - 16)) /dev/zero | tr '\\0' '\\377'; } > output/config.bin
`;

export const SHELL_BUILDER = ["/bin/sh", "-c", SCRIPT];
