# ---- The order of things -------------------------------------------------------------------------------

main() {
  started=$(date +%s) flash_needed=$FLASH_BYTES board_state=untouched
  read_options "$@"
  find_tools
  needs_board=yes
  [ -z "$dry_run$fetch_folder" ] || needs_board=''
  if [ -n "$needs_board" ]; then find_esptool; fi
  make_work_folder
  if [ -n "$needs_board" ]; then
    find_port
    hurry_remote_port
    [ -z "$erase" ] || confirm "Wipe the whole flash of the board at $port first?"
    start_probe
  fi
  check_cluster
  [ "$mode" = firmware-only ] || fetch_device
  [ "$mode" = config-only ] || fetch_artifact
  if [ -n "$fetch_folder" ]; then
    save_files
  elif [ -n "$dry_run" ]; then
    show_plan
  else
    check_board
    flash
  fi
}

# Prints "offset size sha256 file" of all that is written, by offset.
plan() {
  {
    if [ "$mode" != config-only ]; then
      while read -r offset digest size path; do
        printf '%s %s %s %s\n' "$offset" "$size" "$digest" "firmware/$path"
      done <"$work/files"
    fi
    if [ "$mode" != firmware-only ]; then
      printf '%s %s %s config.bin\n' "$CONFIG_OFFSET" "$CONFIG_SIZE" "${config_digest#sha256:}"
      [ -z "${keys_offset-}" ] || printf '%s 4096 %s nvs-keys.bin\n' "$keys_offset" "$(sha256 "$work/nvs-keys.bin")"
    fi
  } | sort -n
}

flash() {
  [ "$mode" != config-only ] || check_boards_table
  [ ! -f "$work/nvs-keys.bin" ] || find_keys_offset
  if [ -n "$device" ] && [ "$mode" = firmware-only ]; then
    find_other_devices
    read_lease
    refuse_other_holder
    [ -n "$holder" ] || step "No board is recorded for $device yet: only the firmware is written, nothing is recorded"
  elif [ -n "$device" ]; then
    claim_board
  fi
  plan >"$work/plan"
  set --
  while read -r offset _ _ file; do set -- "$@" "$offset" "$work/$file"; done <"$work/plan"
  if [ "$mode" = config-only ] && config_is_on_board "$@"; then
    find_out_who
    done_words='had it already: nothing was written'
  else
    start_writing
    write_board "$@"
    done_words='written, verified and restarted'
  fi
  record_flash
  step "Done: $done_words"
  show_result
}

show_result() {
  printf 'MAC       %s\n' "$mac"
  [ -z "$device" ] || printf 'Device    %s (class %s)\n' "$device" "$CLASS"
  [ "$mode" = config-only ] || printf 'Firmware  %s (%s)\n' "$FIRMWARE_VERSION" "$ARTIFACT_DIGEST"
  [ "$mode" = firmware-only ] || printf 'Config    %s\n' "$config_digest"
}

show_plan() {
  [ ! -f "$work/nvs-keys.bin" ] || [ "$mode" = config-only ] || find_keys_offset
  printf 'Would write to a board with %s%s%s:\n' "$CHIP" "${device:+, as device }" "$device"
  [ -z "$erase" ] || printf '  (the whole flash is wiped first)\n'
  plan | while read -r offset size digest path; do
    printf '  %s  %8s bytes  sha256:%s  %s\n' "$(hex_of "$offset")" "$size" "$digest" "$path"
  done
  [ ! -f "$work/nvs-keys.bin" ] || [ "$mode" != config-only ] || printf '  the key of the configuration, where the table on the board has its partition\n'
  [ "$mode" = config-only ] || printf 'Firmware  %s (%s)\n' "$FIRMWARE_VERSION" "$ARTIFACT_DIGEST"
  if [ -n "$device" ]; then
    read_lease
    printf 'Board     %s\n' "${holder:-none has been $device so far}${lease_flashed_at:+, flashed $lease_flashed_at}"
  fi
  printf 'Nothing was written.\n'
}

# --fetch-only: all files, readable by their owner alone, and the command that writes them.
save_files() {
  if [ -e "$fetch_folder" ] && [ -n "$(ls -A "$fetch_folder" 2>/dev/null)" ]; then
    fail 2 "$fetch_folder is not empty." "Name a new folder: it gets files with secrets."
  fi
  temp=$fetch_folder
  mkdir -p "$fetch_folder" 2>/dev/null || fail 12 "The folder $fetch_folder cannot be made." "Name one that you may write."
  chmod 700 "$fetch_folder"
  for name in firmware config.bin nvs-keys.bin; do
    [ -e "$work/$name" ] || continue
    error=$(cp -R "$work/$name" "$fetch_folder/" 2>&1) || {
      rm -rf "$fetch_folder/firmware" "$fetch_folder/config.bin" "$fetch_folder/nvs-keys.bin"
      check_local "$error"
      fail 12 "$fetch_folder cannot be written." "Name a folder that you may write."
    }
  done
  [ ! -f "$work/nvs-keys.bin" ] || [ "$mode" = config-only ] || find_keys_offset
  plan >"$work/plan"
  # shellcheck disable=SC2016 # what stands there is for the shell that runs it
  {
    printf '#!/bin/sh\n# Writes these files to a board: sh write.sh --port PORT, and what else esptool takes before its command.\n'
    printf 'cd -- "$(dirname -- "$0")" || exit 1\n'
    printf 'exec ${EDGEFLOCK_ESPTOOL:-esptool} --chip %s --baud %s "$@" write-flash --flash-mode keep --flash-freq keep --flash-size keep' "$CHIP" "$baud"
    while read -r offset _ _ file; do printf ' %s %s' "$(hex_of "$offset")" "$file"; done <"$work/plan"
    printf '\n'
  } >"$fetch_folder/write.sh" || fail 12 "$fetch_folder cannot be written." "Name a folder that you may write."
  chmod 700 "$fetch_folder/write.sh"
  step "Done: the files are in $fetch_folder, and 'sh write.sh --port PORT' there writes them"
  [ "$mode" = firmware-only ] || printf '%s holds secrets: delete it when it is no longer needed.\n' "$fetch_folder" >&2
}

set -u
umask 077
LC_ALL=C
export LC_ALL
# The whole script is read before anything runs: it may come through a pipe.
main "$@" </dev/null
exit $?
