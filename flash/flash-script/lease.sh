# ---- Lease DEVICE-board: which board has the device, and what was flashed onto it ----------------------

# json_text TEXT: as the inside of a JSON string
json_text() {
  printf '%s' "$1" | tr -d '\000-\037\177' | sed 's/[\\"]/\\&/g'
}

# json_or_null TEXT: as a string, or null where it is empty
json_or_null() {
  if [ -n "$1" ]; then printf '"%s"' "$(json_text "$1")"; else printf null; fi
}

# Who flashes, for the record. Called while the board is written, so it takes no time of its own.
find_out_who() {
  who=$(kube auth whoami -o 'jsonpath={.status.userInfo.username}' 2>/dev/null) || who=''
  [ -n "$who" ] || who=${USER:-$(id -un)}@$(uname -n)
}

now() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}

# Reads the Lease into holder, lease_version, lease_flashed_at, lease_config; lease_version is empty when there is none.
read_lease() {
  lease=$device-board holder='' lease_version='' lease_flashed_at='' lease_config=''
  found=$(kube get lease "$lease" -n "$namespace" -o 'jsonpath=version={.metadata.resourceVersion}{"\n"}holder={.spec.holderIdentity}{"\n"}at={.metadata.annotations.edgeflock\.io/flashed-at}{"\n"}config={.metadata.annotations.edgeflock\.io/config-digest}{"\n"}' 2>&1) || {
    case $found in
    *'(NotFound)'*) return 0 ;;
    esac
    explain_kube "$found" get lease "$lease"
  }
  lease_version=$(printf '%s\n' "$found" | sed -n 's/^version=//p')
  holder=$(printf '%s\n' "$found" | sed -n 's/^holder=//p')
  lease_flashed_at=$(printf '%s\n' "$found" | sed -n 's/^at=//p')
  lease_config=$(printf '%s\n' "$found" | sed -n 's/^config=//p')
}

# Takes the device for this board before anything is written. Two boards at once: the API server lets one win.
claim_board() {
  step "Taking $device for the board $mac"
  for attempt in 1 2 3; do
    read_lease
    refuse_other_holder
    if [ -z "$lease_version" ]; then create_lease; else take_lease; fi && {
      holder=$mac
      return 0
    }
    [ "$attempt" -lt 3 ] || fail 11 "Someone else is changing Lease $lease at this moment." "Run this again."
  done
}

refuse_other_holder() {
  [ -n "$holder" ] && [ "$holder" != "$mac" ] || return 0
  [ -n "$replace" ] || fail 11 "$device is the board $holder${lease_flashed_at:+, flashed $lease_flashed_at}; this board is $mac." "Plug in that board, or give the device to this one with --replace-board (the other must then never be used again)."
  [ -n "${confirmed-}" ] || confirm "Take $device from the board $holder and give it to $mac?"
  confirmed=yes
}

# create_lease: false when another was quicker
create_lease() {
  error=$(printf '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"%s","namespace":"%s","labels":{"edgeflock.io/cluster":"%s","edgeflock.io/class":"%s","edgeflock.io/device":"%s","app.kubernetes.io/managed-by":"edgeflock"},"annotations":{"edgeflock.io/mac":"%s"}},"spec":{"holderIdentity":"%s","acquireTime":"%s"}}' \
    "$lease" "$namespace" "$CLUSTER" "$CLASS" "$device" "$mac" "$mac" "$(micro_time)" | kube create -f - -o 'jsonpath={.metadata.resourceVersion}' 2>&1) || {
    case $error in
    *AlreadyExists*) return 1 ;;
    esac
    explain_kube "$error" create lease "$lease"
  }
  lease_version=$error
}

# take_lease: the Lease is free or this board's own; false when it changed since it was read
take_lease() {
  [ "$holder" != "$mac" ] || return 0
  previous=''
  [ -z "$holder" ] || previous="\"edgeflock.io/previous-mac\":\"$(json_text "$holder")\","
  patch_lease "\"edgeflock.io/mac\":\"$mac\",$previous\"edgeflock.io/config-digest\":null,\"edgeflock.io/credential-generation\":null,\"edgeflock.io/artifact-digest\":null,\"edgeflock.io/firmware-version\":null,\"edgeflock.io/flashed-at\":null,\"edgeflock.io/flashed-by\":null" \
    ",\"spec\":{\"holderIdentity\":\"$mac\",\"acquireTime\":\"$(micro_time)\"}"
}

# patch_lease ANNOTATIONS [SPEC]: false when the Lease is no longer as it was read
patch_lease() {
  error=$(kube patch lease "$lease" -n "$namespace" --type=merge -p "{\"metadata\":{\"resourceVersion\":\"$lease_version\",\"annotations\":{$1}}${2-}}" -o 'jsonpath={.metadata.resourceVersion}' 2>&1) || {
    case $error in
    *'(Conflict)'*) return 1 ;;
    esac
    explain_kube "$error" patch lease "$lease"
  }
  lease_version=$error
}

micro_time() {
  date -u +%Y-%m-%dT%H:%M:%S.000000Z
}

# Notes what the board holds now. Only the annotations of what was written change.
record_flash() {
  [ -n "$device" ] && [ -n "$holder" ] || return 0
  [ "$board_state" = written ] || [ "$lease_config" != "$config_digest" ] || return 0
  facts="\"edgeflock.io/mac\":\"$mac\",\"edgeflock.io/flashed-at\":\"$(now)\",\"edgeflock.io/flashed-by\":\"$(json_text "$who")\""
  [ "$mode" = config-only ] || facts="$facts,\"edgeflock.io/artifact-digest\":\"$ARTIFACT_DIGEST\",\"edgeflock.io/firmware-version\":\"$(json_text "$FIRMWARE_VERSION")\""
  [ "$mode" = firmware-only ] || facts="$facts,\"edgeflock.io/config-digest\":\"$config_digest\",\"edgeflock.io/credential-generation\":$(json_or_null "$generation")"
  # first with what is known; if the Lease has changed meanwhile, by what it says now
  for attempt in 1 2 3; do
    [ "$attempt" -eq 1 ] || read_lease
    [ "$holder" = "$mac" ] || fail 11 "The board is written, but meanwhile $device was given to ${holder:-no board}; this board is $mac." "Flash this board as another device before it is used."
    patch_lease "$facts" && return 0
    [ "$attempt" -lt 3 ] || fail 4 "The board is written, but Lease $lease could not be updated." "Run the same command with --config-only to record it."
  done
}
