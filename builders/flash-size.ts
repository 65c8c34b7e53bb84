// Sizes of flash chips as esptool spells them. Pure.

/** Bytes of "4MB" or "512KB"; undefined for "keep", "detect" and what is no size. */
export function flashSizeBytes(size: string): number | undefined {
  const match = /^([1-9][0-9]{0,3})(KB|MB)$/i.exec(size);
  if (!match) return undefined;
  return Number(match[1]) * (match[2]!.toUpperCase() === "MB" ? 1024 * 1024 : 1024);
}
