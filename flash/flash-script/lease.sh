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

# Reads the Lease into holder, lease_version, lease_flashed_at, lease_config, lease_artifact; lease_version is empty when
# there is none.
read_lease() {
  lease=$device-board holder='' lease_version='' lease_flashed_at='' lease_config='' lease_artifact=''
  ask_kube get lease "$lease" -n "$namespace" -o 'jsonpath=version={.metadata.resourceVersion}{"\n"}holder={.spec.holderIdentity}{"\n"}at={.metadata.annotations.edgeflock\.io/flashed-at}{"\n"}config={.metadata.annotations.edgeflock\.io/config-digest}{"\n"}artifact={.metadata.annotations.edgeflock\.io/artifact-digest}{"\n"}' || {
    case $error in
    *'(NotFound)'*) return 0 ;;
    esac
    explain_kube "$error" get lease "$lease"
  }
  lease_version=$(lease_field version)
  holder=$(lease_field holder)
  lease_flashed_at=$(lease_field at)
  lease_config=$(lease_field config)
  lease_artifact=$(lease_field artifact)
}

# lease_field NAME: prints what stands behind "NAME="
lease_field() {
  printf '%s\n' "$answer" | sed -n "s/^$1=//p"
}

# Takes the device for this board before anything is written. Two boards at once: the API server lets one win.
claim_board() {
  step "Taking $device for the board $mac"
  find_other_devices
  for attempt in 1 2 3; do
    read_lease
    refuse_other_holder
    if [ -z "$lease_version" ]; then create_lease; else take_lease; fi && {
      holder=$mac
      free_other_devices
      return 0
    }
    [ "$attempt" -lt 3 ] || changing_lease
  done
}

changing_lease() {
  fail 11 "Someone else is changing Lease $lease at this moment." "Run this again."
}

refuse_other_holder() {
  [ -n "$holder" ] && [ "$holder" != "$mac" ] || return 0
  case $holder in
  bundle:*)
    bundle=${holder#bundle:}
    [ -n "$replace" ] || fail 11 "$device is reserved for the exported bundle $bundle; this board is $mac." "Flash it from that bundle (npx edgeflock flash $CLASS --bundle FILE), free it with 'npx edgeflock bundle release $CLASS $bundle', or give it to this board with --replace-board (the bundle must then never be used again)."
    ;;
  *) [ -n "$replace" ] || fail 11 "$device is the board $holder${lease_flashed_at:+, flashed $lease_flashed_at}; this board is $mac." "Plug in that board, or give the device to this one with --replace-board (the other must then never be used again)." ;;
  esac
  [ -n "${confirmed-}" ] || confirm "Take $device from ${holder} and give it to the board $mac?"
  confirmed=yes
}

# Which other devices this board is by now: a board is one device, so a second one needs a word from the person.
find_other_devices() {
  ask_kube get leases -n "$namespace" -l "edgeflock.io/cluster=$CLUSTER,edgeflock.io/device" -o 'jsonpath={range .items[*]}{.spec.holderIdentity}{" "}{.metadata.labels.edgeflock\.io/device}{"\n"}{end}' || {
    case $error in
    *'(Forbidden)'*) fail 5 "You may not list leases in namespace \"$namespace\", which tells whether this board is another device." "Ask whoever runs the cluster for that right (kubectl auth can-i list leases -n $namespace tells when you have it)." ;;
    esac
    explain_kube "$error" list leases "$device-board"
  }
  others=$(printf '%s\n' "$answer" | sed -n "s/^$mac //p" | grep -v -x -e "$device")
  [ -n "$others" ] || return 0
  others=$(printf '%s\n' "$others" | tr '\n' ' ' | sed 's/ $//')
  [ "$mode" != firmware-only ] || fail 11 "This board ($mac) is $others, not $device." "Give that name, or leave the device out."
  [ -n "$replace" ] || fail 11 "This board ($mac) is $others, not $device." "Plug in the board of $device, or make this one $device with --replace-board ($others has no board then)."
  [ -n "${confirmed-}" ] || confirm "Make the board $mac, which is $others, $device instead?"
  confirmed=yes
}

# The board becomes another device with the next byte that is written, so these have no board any longer.
free_other_devices() {
  for other in $others; do
    step "$other has no board any longer: this one becomes $device"
    for attempt in 1 2 3; do
      ask_kube get lease "$other-board" -n "$namespace" -o 'jsonpath={.metadata.resourceVersion} {.spec.holderIdentity}' || explain_kube "$error" get lease "$other-board"
      [ "${answer#* }" = "$mac" ] || break
      patch "$other-board" "${answer%% *}" "\"edgeflock.io/mac\":null,\"edgeflock.io/previous-mac\":\"$mac\",$cleared_config,$cleared_firmware,$cleared_time" ',"spec":{"holderIdentity":null,"acquireTime":null}' && break
      [ "$attempt" -lt 3 ] || fail 11 "Someone else is changing Lease $other-board at this moment." "Run this again."
    done
  done
}

# create_lease: false when another was quicker
create_lease() {
  printf '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"%s","namespace":"%s","labels":{"edgeflock.io/cluster":"%s","edgeflock.io/class":"%s","edgeflock.io/device":"%s","app.kubernetes.io/managed-by":"edgeflock"},"annotations":{"edgeflock.io/mac":"%s"}},"spec":{"holderIdentity":"%s","acquireTime":"%s"}}' \
    "$lease" "$namespace" "$CLUSTER" "$CLASS" "$device" "$mac" "$mac" "$(micro_time)" >"$work/lease.json"
  ask_kube create -f "$work/lease.json" -o 'jsonpath={.metadata.resourceVersion}' || {
    case $error in
    *AlreadyExists*) return 1 ;;
    esac
    explain_kube "$error" create lease "$lease"
  }
  lease_version=$answer
}

cleared_config='"edgeflock.io/config-digest":null,"edgeflock.io/credential-generation":null'
cleared_firmware='"edgeflock.io/artifact-digest":null,"edgeflock.io/firmware-version":null'
cleared_time='"edgeflock.io/flashed-at":null,"edgeflock.io/flashed-by":null'

# take_lease: the Lease is free or this board's own; false when it changed since it was read
take_lease() {
  [ "$holder" != "$mac" ] || return 0
  case $holder in
  '' | bundle:*) previous='' ;;
  *) previous="\"edgeflock.io/previous-mac\":\"$(json_text "$holder")\"," ;;
  esac
  patch_lease "\"edgeflock.io/mac\":\"$mac\",$previous$cleared_config,$cleared_firmware,$cleared_time" \
    ",\"spec\":{\"holderIdentity\":\"$mac\",\"acquireTime\":\"$(micro_time)\"}" || return 1
  lease_flashed_at='' lease_config='' lease_artifact=''
}

# What the board held is no longer true from the first byte on, and what it holds is not known before the last.
start_writing() {
  [ -n "$device" ] && [ -n "$holder" ] || return 0
  case $mode in
  config-only) gone=$cleared_config,$cleared_time ;;
  firmware-only) gone=$cleared_firmware,$cleared_time ;;
  *) gone=$cleared_config,$cleared_firmware,$cleared_time ;;
  esac
  for attempt in 1 2 3; do
    # nothing is said of a board that was never written
    [ -n "$lease_flashed_at$lease_config$lease_artifact" ] || return 0
    if patch_lease "$gone"; then return 0; fi
    [ "$attempt" -lt 3 ] || changing_lease
    read_lease
    refuse_other_holder
    [ "$holder" = "$mac" ] || changing_lease
  done
}

# patch_lease ANNOTATIONS [SPEC]: false when the Lease is no longer as it was read
patch_lease() {
  patch "$lease" "$lease_version" "$1" "${2-}" || return 1
  lease_version=$answer
}

# patch LEASE VERSION ANNOTATIONS SPEC
patch() {
  ask_kube patch lease "$1" -n "$namespace" --type=merge -p "{\"metadata\":{\"resourceVersion\":\"$2\",\"annotations\":{$3}}$4}" -o 'jsonpath={.metadata.resourceVersion}' || {
    case $error in
    *'(Conflict)'*) return 1 ;;
    esac
    explain_kube "$error" patch lease "$1"
  }
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
    [ "$attempt" -lt 3 ] || fail 4 "The board is written, but Lease $lease could not be updated." "Run the same command again."
  done
}
