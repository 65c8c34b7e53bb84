# ---- What the person asks for -------------------------------------------------------------------------

usage() {
  cat <<END
Flashes one board of class $CLASS (cluster $CLUSTER, chip $CHIP, firmware $FIRMWARE_VERSION).

usage: flash.sh DEVICE [options]
       kubectl get configmap $CLASS-flash -n $NAMESPACE -o jsonpath='{.data.flash\\.sh}' | sh -s -- DEVICE

  DEVICE               name of the device that the board becomes
  --port PORT          serial port; found by itself when one board is plugged in
  --baud RATE          speed of the serial port (default $DEFAULT_BAUD; try 115200 with a long cable)
  --firmware-only      write the firmware, leave the board's configuration; needs no secret, DEVICE may be left out
  --config-only        write the configuration, and only if the board does not hold it yet
  --fetch-only DIR     put all files into DIR and write no board; DIR then holds secrets
  --erase              wipe the whole flash first, also what the firmware itself has stored
  --replace-board      give DEVICE to this board, though another board has it
  --dry-run            show what would be written where, and write nothing
  --yes                do not ask before --erase and --replace-board
  --kubeconfig FILE, --context NAME, --namespace NAME    as in kubectl
  --help

Environment: EDGEFLOCK_ESPTOOL, EDGEFLOCK_KUBECTL   commands to use instead of esptool and kubectl
             EDGEFLOCK_PORTS                        patterns of serial ports, instead of the usual ones
             TMPDIR                                 where temporary files go

Exit codes: 0 done, 2 wrong usage, 3 tool missing or too old, 4 cluster unreachable or another one,
  5 a right is missing, 6 no such device or not of this class, 7 firmware or configuration missing or damaged,
  8 no port, several, or busy, 9 not the right board, 10 writing failed, 11 another board has this device,
  12 no room or no right on this computer's disk, 129/130/143 stopped.
END
}

# usage_error WHAT
usage_error() {
  fail 2 "$1" "flash.sh --help shows how to use it."
}

# option_value NAME COUNT-OF-ARGUMENTS-LEFT VALUE: refuses an option that lacks its value
option_value() {
  [ "$2" -ge 2 ] || usage_error "$1 needs a value."
  case $3 in
  '' | -*) usage_error "$1 needs a value, not \"$3\"." ;;
  esac
}

read_options() {
  device='' port='' baud=$DEFAULT_BAUD mode=all fetch_folder='' erase='' replace='' dry_run='' yes=''
  kubeconfig='' context='' namespace=$NAMESPACE
  while [ $# -gt 0 ]; do
    case $1 in
    --port=* | --baud=* | --fetch-only=* | --kubeconfig=* | --context=* | --namespace=*)
      given=$1
      shift
      set -- "${given%%=*}" "${given#*=}" "$@"
      ;;
    esac
    case $1 in
    --port | --baud | --fetch-only | --kubeconfig | --context | --namespace | -n)
      option_value "$1" $# "${2-}"
      case $1 in
      --port) port=$2 ;;
      --baud) baud=$2 ;;
      --fetch-only) fetch_folder=$2 ;;
      --kubeconfig) kubeconfig=$2 ;;
      --context) context=$2 ;;
      *) namespace=$2 ;;
      esac
      shift
      ;;
    --firmware-only | --config-only)
      [ "$mode" = all ] || [ "$mode" = "${1#--}" ] || usage_error "--firmware-only and --config-only exclude each other."
      mode=${1#--}
      ;;
    --erase) erase=yes ;;
    --replace-board) replace=yes ;;
    --dry-run) dry_run=yes ;;
    --yes | -y) yes=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*) usage_error "Unknown option $1." ;;
    *)
      [ -z "$device" ] || usage_error "One device at a time: both \"$device\" and \"$1\" were given."
      device=$1
      ;;
    esac
    shift
  done
  check_options
}

check_options() {
  [ -n "$device" ] || [ "$mode" = firmware-only ] || usage_error "Which device shall the board become? Give its name."
  case $device in
  *[!a-z0-9-]* | -* | *-) usage_error "\"$device\" cannot be a device: names have small letters, digits and inner dashes." ;;
  esac
  case $namespace in
  *[!a-z0-9-]* | -* | *-) usage_error "\"$namespace\" cannot be a namespace." ;;
  esac
  case $baud in
  '' | *[!0-9]*) usage_error "--baud needs a number, not \"$baud\"." ;;
  esac
  [ -z "$erase" ] || [ "$mode" = all ] || usage_error "--erase wipes firmware and configuration, so it cannot go with --$mode."
  [ -z "$replace" ] || [ "$mode" != firmware-only ] || usage_error "--replace-board gives a device's configuration to a board, so it cannot go with --firmware-only."
  [ -z "$fetch_folder" ] || [ -z "$erase$replace$dry_run$port" ] || usage_error "--fetch-only writes no board, so it goes with --firmware-only or --config-only alone."
}
