# Sourced by the launchers in bin/: runs a stand-in with the checkout's own Node where it has one,
# else with the one on PATH. `here` is the real folder of the launcher.
# Starts one process in place of the shell, touches nothing else.

stand_ins=$(cd "$here/.." && pwd -P)

find_node() {
  node=$stand_ins/../../node_modules/.bin/node
  [ -x "$node" ] || node=$(command -v node) || {
    echo "$(basename "$0"): Node.js 24 or newer is needed on PATH." >&2
    exit 127
  }
}

# launch NAME ARGUMENT...: NAME is the entry point below stand-ins/, without its ending. A checkout runs
# TypeScript as it is, an installed package holds it compiled.
launch() {
  entry=$stand_ins/$1.ts
  [ -f "$entry" ] || entry=$stand_ins/$1.js
  shift
  find_node
  exec "$node" "$entry" "$@"
}
