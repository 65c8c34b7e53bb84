# ---- The board: port, probe, write, verify -------------------------------------------------------------

find_esptool() {
  esptool_command=${EDGEFLOCK_ESPTOOL:-}
  if [ -z "$esptool_command" ]; then
    for candidate in esptool esptool.py; do
      if has_tool "$candidate"; then
        esptool_command=$candidate
        break
      fi
    done
  fi
  has_tool "$esptool_command" || fail 3 "esptool was not found${EDGEFLOCK_ESPTOOL:+ (EDGEFLOCK_ESPTOOL is \"$EDGEFLOCK_ESPTOOL\")}." "$esptool_advice"
}

esptool_advice="Install version 5 or later: python3 -m pip install 'esptool>=5', or pipx install esptool."

find_port() {
  [ -z "$port" ] || return 0
  case $(uname -s) in
  Darwin) patterns='/dev/cu.usb* /dev/cu.SLAB_USBtoUART* /dev/cu.wchusbserial*' ;;
  *) patterns='/dev/ttyUSB* /dev/ttyACM*' ;;
  esac
  patterns=${EDGEFLOCK_PORTS:-$patterns}
  count=0 names=''
  for candidate in $patterns; do
    [ -e "$candidate" ] || continue
    # two patterns may find one port
    case " $names " in
    *" $candidate "*) continue ;;
    esac
    count=$((count + 1)) names="$names${names:+ }$candidate" port=$candidate
  done
  [ "$count" -gt 0 ] || fail 8 "No board is plugged in (no port like $patterns)." "Plug it in with a USB cable that carries data, or give the port with --port."
  [ "$count" -eq 1 ] || fail 8 "There are $count ports that may be the board: $names." "Say which with --port."
}

# Starts `esptool ARGUMENT...` in the background, its output into $work/esptool.log and through `watch_progress`.
# In the background, because a shell heeds a signal only between two commands of the foreground.
start_esptool() {
  rm -f "$work/pipe"
  mkfifo "$work/pipe" || fail 12 "No pipe can be made in $temp." "Set TMPDIR to a folder on a local disk."
  watch_progress <"$work/pipe" &
  watcher=$!
  (start_tool "$esptool_command" --port "$port" "$@") >"$work/pipe" 2>&1 </dev/null &
  child=$!
}

# Waits for what start_esptool started and gives its exit code.
finish_esptool() {
  wait "$child"
  status=$?
  child=''
  wait "$watcher"
  return "$status"
}

# Keeps what esptool says and shows how far it is: in one line of a terminal, else every tenth percent of a file.
watch_progress() {
  shown='' tenth=0
  : >"$work/esptool.log"
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$work/esptool.log"
    case $line in
    'Writing at '*%*)
      at=${line#Writing at }
      # "0x00010000 [===>  ]  12.3% 4096/33000 bytes...": no process for a line of which there are hundreds
      percent=${line%%%*}
      percent=${percent##* }
      percent=${percent%%.*}
      case $percent in
      '' | *[!0-9]*) continue ;;
      esac
      if [ -t 2 ]; then
        printf '\r         writing %s: %3s %% of this file  ' "${at%% *}" "$percent" >&2
        shown=yes
      elif [ "$percent" -ge $((tenth + 10)) ]; then
        tenth=$((percent / 10 * 10))
        printf '         writing %s: %s %% of this file\n' "${at%% *}" "$percent" >&2
      elif [ "$percent" -lt "$tenth" ]; then
        tenth=0
      fi
      ;;
    esac
  done
  [ -z "$shown" ] || printf '\n' >&2
}

# pySerial's remote ports wait for most of their time; Python takes this from its PYTHONPATH.
hurry_remote_port() {
  case $port in
  rfc2217://*) ;;
  *) return 0 ;;
  esac
  mkdir "$work/python" && remote_port_python >"$work/python/sitecustomize.py" || return 0
  PYTHONPATH=$work/python${PYTHONPATH:+:$PYTHONPATH}
  export PYTHONPATH
}

# First contact, at the ROM's own speed and without esptool's helper program: it is a few bytes. Runs while the cluster is asked; its findings are read by check_board.
start_probe() {
  step "Asking the board at $port who it is"
  start_esptool --no-stub flash-id
}

check_board() {
  finish_esptool || explain_esptool "The board at $port does not answer"
  require_esptool_5
  chip=$(sed -n 's/^Connected to \(ESP[0-9A-Z-]*\) on .*/\1/p' "$work/esptool.log" | sed -n 1p)
  found=$(printf '%s' "$chip" | tr -d '-' | tr '[:upper:]' '[:lower:]')
  [ -n "$found" ] || explain_esptool "The board at $port does not say what chip it has"
  [ "$found" = "$CHIP" ] || fail 9 "The board at $port has a chip $found, class $CLASS is for $CHIP." "Plug in a board of class $CLASS, or use the script of the class that this board belongs to."
  mac=$(said_mac)
  case $mac in
  [0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]) ;;
  *) explain_esptool "The board at $port does not tell its MAC address" ;;
  esac
  size=$(sed -n 's/^Detected flash size: *//p' "$work/esptool.log" | sed -n 1p)
  case $size in
  *[!0-9]KB | *[!0-9]MB | '' | Unknown) flash_size=0 ;;
  *KB) flash_size=$((${size%KB} * 1024)) ;;
  *MB) flash_size=$((${size%MB} * 1048576)) ;;
  *) flash_size=0 ;;
  esac
  [ "$flash_size" -eq 0 ] || [ "$flash_size" -ge "$flash_needed" ] || fail 9 "The board at $port has $size of flash, the firmware of class $CLASS needs $((flash_needed / 1024)) KB." "Plug in a board with more flash."
}

# The MAC address of the board that esptool talked to last.
said_mac() {
  sed -n 's/^BASE MAC: *//p; s/^MAC: *//p' "$work/esptool.log" | sed -n '/^\(..:\)\{5\}..$/p' | sed -n '$p'
}

# The board that was asked must be the one that is written: the port is open to whoever swaps them.
check_same_board() {
  now_mac=$(said_mac)
  [ "$now_mac" = "$mac" ] || fail 9 "Another board is at $port now: ${now_mac:-one that does not tell its MAC address}, and the one that was asked is $mac." "What is on it now is not recorded: flash it again before it is used."
}

require_esptool_5() {
  version=$(sed -n 's/^esptool[.a-z]* v\([0-9][0-9.]*\).*/\1/p' "$work/esptool.log" | sed -n 1p)
  [ -n "$version" ] || version=$( (start_tool "$esptool_command" version) 2>/dev/null </dev/null | sed -n 's/^v\{0,1\}\([0-9][0-9]*\.[0-9.]*\).*/\1/p; s/^esptool[.a-z]* v\([0-9][0-9.]*\).*/\1/p' | sed -n 1p)
  case ${version%%.*} in
  '' | *[!0-9]*) fail 3 "\"$esptool_command\" is not an esptool that works." "$esptool_advice" ;;
  esac
  [ "${version%%.*}" -ge 5 ] || fail 3 "esptool $version is too old." "$esptool_advice"
}

# explain_esptool WHAT-FAILED: ends the script with a sentence for what esptool said
explain_esptool() {
  require_esptool_5
  said=$(tail -n 40 "$work/esptool.log")
  case $said in
  *'ermission denied'*) fail 8 "You may not open the port $port." "Add yourself to the group that owns it (dialout or uucp; see ls -l $port) and log in again." ;;
  *'ould not exclusively lock'* | *'emporarily unavailable'* | *'esource busy'* | *'Access is denied'*)
    fail 8 "The port $port is busy." "Close the program that uses it (a serial monitor, another flash.sh) and run this again."
    ;;
  *'doesn'?'t exist'* | *'ould not open'*)
    [ "$board_state" != writing ] || cable_pulled
    fail 8 "The port $port cannot be opened." "Is the board plugged in, and is that its port?"
    ;;
  *'ailed to connect'* | *'o serial data received'* | *'rong boot mode'*)
    [ "$board_state" != writing ] || cable_pulled
    fail 9 "The board at $port does not answer." "Hold its BOOT button while this starts (on a board without USB chip: GPIO0 to ground), and check that the cable carries data."
    ;;
  *'MD5 of file does not match'* | *'digest mismatch'*) fail 10 "What the board's flash holds now is not what was written." "Run the same command again, with --baud 115200; if it stays so, the board's flash is broken." ;;
  *'serial exception'* | *'stopped responding'* | *'imed out'* | *'ost connection'* | *'evice disconnected'* | *'nput/output error'* | *'roken pipe'* | *'ot configured'*) cable_pulled ;;
  esac
  last=$(printf '%s\n' "$said" | sed -n 's/.*[Ff]atal error occurred: *//p' | sed -n 1p)
  [ -n "$last" ] || last=$(printf '%s\n' "$said" | sed -n '/^ *$/d; $p' | cut -c 1-300)
  fail 10 "$1: $last" "Run the same command again; if it stays so, try another cable and --baud 115200."
}

cable_pulled() {
  fail 10 "The connection to the board at $port broke off." "Check cable and plug, then run the same command again: it writes everything anew."
}

# --config-only: what is on the board decides, so its own partition table is read.
check_boards_table() {
  step "Reading the board's partition table"
  start_esptool --chip "$CHIP" --baud "$baud" read-flash --no-progress "$TABLE_OFFSET" 3072 "$work/table.bin"
  finish_esptool || explain_esptool "The board's partition table cannot be read"
  partition_rows "$work/table.bin" >"$work/partitions"
  [ -s "$work/partitions" ] || fail 9 "There is no partition table on this board." "Write firmware and configuration together: leave --config-only out."
  check_config_partition "The partition table on this board" "It has another firmware: leave --config-only out to write both."
}

# config_is_on_board: true when board and file have the same configuration, and the same key where encrypted
config_is_on_board() {
  step "Comparing the board's configuration"
  start_esptool --chip "$CHIP" --baud "$baud" verify-flash "$@"
  finish_esptool && return 0
  grep -q -e 'erification failed' "$work/esptool.log" || explain_esptool "The board's configuration cannot be read"
  return 1
}

write_board() {
  step "Writing to the board"
  board_state=writing
  start_esptool --chip "$CHIP" --baud "$baud" --after hard-reset write-flash ${erase:+--erase-all} --flash-mode keep --flash-freq keep --flash-size keep "$@"
  find_out_who
  finish_esptool || explain_esptool "The board cannot be written"
  check_same_board
  board_state=written
}
