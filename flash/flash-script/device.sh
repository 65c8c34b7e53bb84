# ---- The device: its Secret with the configuration image ----------------------------------------------

# Reads Secret DEVICE-device once and leaves $work/config.bin and, where encrypted, $work/nvs-keys.bin.
fetch_device() {
  step "Fetching the configuration of $device"
  secret=$device-device
  error=$(kube get secret "$secret" -n "$namespace" -o 'jsonpath=class={.metadata.labels.edgeflock\.io/class}{"\n"}device={.metadata.labels.edgeflock\.io/device}{"\n"}cluster={.metadata.labels.edgeflock\.io/cluster}{"\n"}digest={.metadata.annotations.edgeflock\.io/config-digest}{"\n"}generation={.metadata.annotations.edgeflock\.io/credential-generation}{"\n"}keys={.data.nvs-keys\.bin}{"\n"}config={.data.config\.bin}{"\n"}' 2>&1 >"$work/secret") || {
    case $error in
    *'(NotFound)'*) unknown_device ;;
    esac
    explain_kube "$error" get secret "$secret"
  }
  found_class=$(secret_field class)
  [ "$(secret_field cluster)" = "$CLUSTER" ] || fail 6 "Secret $secret does not belong to cluster $CLUSTER." "Check --namespace and --context."
  [ "$found_class" = "$CLASS" ] || fail 6 "$device is a device of class \"$found_class\", this script flashes class $CLASS." "Use ConfigMap $found_class-flash for it."
  [ "$(secret_field device)" = "$device" ] || config_damaged "Secret $secret is labelled for device \"$(secret_field device)\""
  decode_field config "$work/config.bin"
  decode_field keys "$work/nvs-keys.bin"
  config_digest=$(secret_field digest)
  generation=$(secret_field generation)
  case $generation in
  *[!0-9]*) config_damaged "its generation is \"$generation\"" ;;
  esac
  rm -f "$work/secret"
  check_config
}

# secret_field NAME: prints what stands behind "NAME="
secret_field() {
  sed -n "s/^$1=//p" "$work/secret" | sed -n 1p
}

# decode_field NAME FILE: base64 to bytes; never through a variable, since these are secrets
decode_field() {
  error=$(sed -n "s/^$1=//p" "$work/secret" | base64 "$base64_option" 2>&1 >"$2") || {
    check_local "$error"
    config_damaged "it is no base64"
  }
  [ -s "$2" ] || rm -f "$2"
}

config_damaged() {
  fail 7 "The configuration of $device is damaged: $1." "Tell whoever runs the cluster to run 'pulumi up' again; nothing was written to the board."
}

check_config() {
  [ -f "$work/config.bin" ] || fail 7 "Secret $secret holds no configuration yet." "Run 'pulumi up' for it, then this script again."
  [ -n "$config_digest" ] || config_damaged "Secret $secret has no digest of it"
  [ "sha256:$(sha256 "$work/config.bin")" = "$config_digest" ] || config_damaged "it is not the one that was made (its digest is not $config_digest)"
  [ "$(size_of "$work/config.bin")" -eq "$CONFIG_SIZE" ] || config_damaged "it has $(size_of "$work/config.bin") bytes, partition \"$CONFIG_LABEL\" has $CONFIG_SIZE"
  if [ -f "$work/nvs-keys.bin" ]; then
    check_keys
    return
  fi
  if [ "$(dd if="$work/config.bin" bs=8 count=1 2>/dev/null | tr -d '\0')" = EDGEFCFG ]; then
    file_identity "$work/config.bin" >"$work/identity"
  else
    nvs_identity "$work/config.bin" >"$work/identity"
  fi
  written_for=$(sed -n 's/^device //p' "$work/identity")
  [ -n "$written_for" ] || config_damaged "it names no device"
  [ "$written_for" = "$device" ] || fail 6 "The configuration in Secret $secret is the one of device \"$written_for\"." "Tell whoever runs the cluster: two devices must never share one identity."
  class_inside=$(sed -n 's/^class //p' "$work/identity")
  [ "$class_inside" = "$CLASS" ] || fail 6 "The configuration in Secret $secret was made for class \"$class_inside\", not $CLASS." "Tell whoever runs the cluster to run 'pulumi up' again."
}

# An encrypted image cannot be read here; its key goes to the board in one of two ways, told by its size.
check_keys() {
  case $(size_of "$work/nvs-keys.bin") in
  4096) ;;
  32) fail 7 "The configuration of $device is encrypted with a key that belongs into the chip's eFuses." "This script burns no eFuses; ask whoever runs the cluster for a configuration whose key lies in a partition." ;;
  *) config_damaged "its key has $(size_of "$work/nvs-keys.bin") bytes" ;;
  esac
}

# Where the key partition lies: type 1 (data), subtype 4 (nvs_keys); $work/partitions must be there.
find_keys_offset() {
  keys_offset=$(awk '$1 == 1 && $2 == 4 && $4 >= 4096 { print $3; exit }' "$work/partitions")
  [ -n "$keys_offset" ] || fail 7 "The configuration of $device is encrypted, but the partition table has no partition for its key (type data, subtype nvs_keys)." "The class's firmware is wrong: tell whoever runs the cluster."
}

# The devices of the class, those that look most like what was typed first.
unknown_device() {
  names=$(kube get secrets -n "$namespace" -l "edgeflock.io/class=$CLASS,edgeflock.io/device" --no-headers 2>/dev/null | sed -n 's/^\([a-z0-9-]*\)-device .*/\1/p')
  [ -n "$names" ] || fail 6 "There is no device \"$device\" in namespace $namespace." "Check its name; the manifests of cluster $CLUSTER have it."
  count=$(printf '%s\n' "$names" | wc -l | tr -d ' ')
  near=$(printf '%s\n' "$names" | awk -v typed="$device" '
    { for (n = 1; n <= length(typed) && substr($0, n, 1) == substr(typed, n, 1); n++); printf "%d %s\n", n, $0 }' | sort -k1,1nr -k2,2 | sed -n '1,10s/^[0-9]* //p' | tr '\n' ' ' | sed 's/ $//')
  more=''
  [ "$count" -le 10 ] || more=" and $((count - 10)) more"
  fail 6 "There is no device \"$device\" in namespace $namespace." "Devices of class $CLASS: $near$more."
}
