# ---- Failing, progress, temporary files, running tools -------------------------------------------------

# fail EXIT-CODE WHAT-WENT-WRONG WHAT-TO-DO
fail() {
  let_board_go
  printf 'flash.sh: %s %s\n' "$2" "$3" >&2
  exit "$1"
}

# step WHAT: one line on stderr with the seconds since the start
step() {
  printf '[%3d s] %s\n' "$(($(date +%s) - started))" "$1" >&2
}

# Interrupted, failed or done: no secret stays behind, no child keeps running.
# shellcheck disable=SC2329 # called by a trap
clean_up() {
  stop_child
  [ -z "${work-}" ] || rm -rf "$work"
}

# shellcheck disable=SC2329 # called by clean_up
stop_child() {
  [ -n "${child-}" ] || return 0
  # shellcheck disable=SC2086 # two process numbers
  kill -TERM $child $watcher 2>/dev/null
  wait "$child" 2>/dev/null
  child=''
}

# The board that is asked is in its loader meanwhile, and is restarted at the end: stopped before that, it would stay
# there. A board that is written is broken off: it has to be written again in any case.
let_board_go() {
  [ -n "${child-}" ] && [ "$board_state" != writing ] || return 0
  kill -0 "$child" 2>/dev/null && step "Letting the board at $port start again"
  # shellcheck disable=SC2086 # two process numbers
  (
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep "$board_patience" &
    nap=$!
    wait "$nap"
    kill -TERM $child $watcher
  ) </dev/null >/dev/null 2>&1 &
  patience=$!
  wait "$child" 2>/dev/null
  child=''
  kill -TERM "$patience" 2>/dev/null
}

# Seconds; a board that does not answer is asked for about ten.
board_patience=20

# interrupted EXIT-CODE
# shellcheck disable=SC2329 # called by a trap
interrupted() {
  trap '' INT TERM HUP
  let_board_go
  stop_child
  case $board_state in
  writing) fail "$1" "Stopped while the board was being written." "Run the same command again: it writes everything anew." ;;
  written) fail "$1" "Stopped; the board is written, but that is not recorded." "Run the same command again." ;;
  esac
  fail "$1" "Stopped." "Nothing was written to the board."
}

# A folder that only this user can read. Its name holds host and process, so that the next run finds what
# a kill -9 left there.
make_work_folder() {
  temp=${TMPDIR:-/tmp}
  prefix=$temp/edgeflock-flash.$(uname -n | tr -cd 'A-Za-z0-9-')
  for left in "$prefix".*; do
    [ -d "$left" ] && [ ! -L "$left" ] || continue
    process=${left#"$prefix".}
    process=${process%%.*}
    case $process in
    '' | *[!0-9]*) continue ;;
    esac
    [ -n "$(find "$left" -prune -user "$(id -u)")" ] || continue
    kill -0 "$process" 2>/dev/null || rm -rf "$left"
  done
  trap clean_up EXIT
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  trap 'interrupted 129' HUP
  work=$(mktemp -d "$prefix.$$.XXXXXX" 2>/dev/null) || {
    work=''
    fail 12 "No temporary folder can be made in $temp." "Free some room there, or set TMPDIR to a folder that you may write."
  }
}

# check_local ERROR-TEXT: ends the script when the error is this computer's disk
check_local() {
  case $1 in
  *[Nn]'o space left'* | *'uota exceeded'* | *'rite error'*)
    fail 12 "There is no room left in $temp for the files to flash." "Free some room there, or set TMPDIR to a folder on another disk."
    ;;
  esac
}

# start_tool COMMAND ARGUMENT...: becomes the command; one that is no file's name is cut at its blanks
start_tool() {
  tool=$1
  shift
  if command -v "$tool" >/dev/null 2>&1; then exec "$tool" "$@"; fi
  # shellcheck disable=SC2086 # "python3 -m esptool" is meant to be three words
  exec $tool "$@"
}

# has_tool COMMAND
has_tool() {
  command -v "$1" >/dev/null 2>&1 || command -v "${1%% *}" >/dev/null 2>&1
}

find_tools() {
  for need in awk base64 cut find grep gzip mkfifo mktemp od sed sort tar tr; do
    has_tool "$need" || fail 3 "This computer lacks the command $need." "Install it and run this again."
  done
  if has_tool sha256sum; then
    sha256_tool=sha256sum
  elif has_tool shasum; then
    sha256_tool='shasum -a 256'
  else
    fail 3 "This computer has neither sha256sum nor shasum." "Install one of them (package coreutils) and run this again."
  fi
  # macOS before 13 knows only -D
  if [ "$(printf 'b2s=' | base64 -d 2>/dev/null)" = ok ]; then base64_option=-d; else base64_option=-D; fi
  kubectl_command=${EDGEFLOCK_KUBECTL:-kubectl}
  has_tool "$kubectl_command" || fail 3 "kubectl was not found (looked for \"$kubectl_command\")." "Install it from https://kubernetes.io/docs/tasks/tools/ or set EDGEFLOCK_KUBECTL."
}

# sha256 FILE: prints the digest in hexadecimal digits
sha256() {
  # shellcheck disable=SC2086 # "shasum -a 256" is meant to be three words
  $sha256_tool <"$1" | cut -c 1-64
}

# size_of FILE: prints its length in bytes
size_of() {
  wc -c <"$1" | tr -d ' '
}

# confirm QUESTION: true when the answer is yes; the script itself may stand on stdin, so the terminal is asked
confirm() {
  [ -z "$yes" ] || return 0
  # in a shell of its own, since a redirection that fails ends the shell
  (: </dev/tty) 2>/dev/null || fail 2 "Not confirmed: $1" "There is no terminal to answer at: add --yes if you are sure."
  printf '%s [y/N] ' "$1" >&2
  read -r answer </dev/tty || answer=''
  case $answer in
  y | Y | yes | Yes | YES) return 0 ;;
  esac
  fail 2 "Not confirmed." "Nothing was written to the board."
}
