# ---- Firmware that is kept outside of the cluster: in S3, in a registry, encrypted ---------------------

# Secret CLUSTER-artifact-access holds what whoever flashes needs for it. Its values go through files of this user
# alone: never into a variable, never to where other processes could see them.
read_access() {
  [ -n "$STORE_ACCESS" ] || return 0
  error=$(kube get secret "$STORE_ACCESS" -n "$NAMESPACE" -o 'jsonpath=identity={.data.age-identity}{"\n"}id={.data.access-key-id}{"\n"}key={.data.secret-access-key}{"\n"}username={.data.username}{"\n"}password={.data.password}{"\n"}' 2>&1 >"$work/access") || {
    case $error in
    *'(NotFound)'*) fail 7 "Secret $STORE_ACCESS, with the access to the firmware, is gone." "'pulumi up' makes it again." ;;
    esac
    namespace=$NAMESPACE
    explain_kube "$error" get secret "$STORE_ACCESS"
  }
}

# access_field NAME: its value, decoded
access_field() {
  [ ! -f "$work/access" ] || sed -n "s/^$1=//p" "$work/access" | base64 "$base64_option"
}

# has_access NAME
has_access() {
  [ -f "$work/access" ] && grep -q "^$1=." "$work/access"
}

# quoted: stdin as the inside of a quoted word of a curl configuration
quoted() {
  sed 's/[\\"]/\\&/g' | tr -d '\n'
}

# login ID-NAME SECRET-NAME ID SECRET: writes $work/curl.conf, from the Secret or else from this person's environment
login() {
  : >"$work/curl.conf"
  if has_access "$1"; then
    { printf 'user = "' && access_field "$1" | quoted && printf ':' && access_field "$2" | quoted && printf '"\n'; } >"$work/curl.conf"
  elif [ -n "$3" ] && [ -n "$4" ]; then
    { printf 'user = "' && printf '%s' "$3" | quoted && printf ':' && printf '%s' "$4" | quoted && printf '"\n'; } >"$work/curl.conf"
  fi
}

# download URL FILE ARGUMENT...: by curl, with $work/curl.conf; sets http_status, 000 where nothing answered. One that
# broke off in the middle is begun again.
download() {
  url=$1 target=$2
  shift 2
  for attempt in 1 2 3; do
    http_status=$(curl --silent --show-error --proto '=http,https' --connect-timeout 20 --max-time 900 -K "$work/curl.conf" --output "$target" --dump-header "$work/headers" --write-out '%{http_code}' "$@" "$url" 2>"$work/curl.error")
    curl_code=$?
    check_local "$(cat "$work/curl.error")"
    [ "$curl_code" -ne 0 ] && [ "$http_status" != 000 ] || return 0
    # 23: the file could not be written
    [ "$curl_code" -ne 23 ] || check_local 'No space left'
    [ "$attempt" -lt 3 ] || fail 4 "The connection to $STORE_URL broke off ($(curl_said))." "Check this computer's network or VPN and run this again."
    step "The connection broke off ($(curl_said)), once more"
    sleep "$attempt"
  done
}

curl_said() {
  sed -n '$s/^curl: //p' "$work/curl.error" | cut -c 1-200
}

check_download() {
  case $http_status in
  200) ;;
  401 | 403) fail 5 "You may not read the firmware of class $CLASS at $STORE_URL ($http_status)." "$1" ;;
  404) fail 7 "The firmware of class $CLASS is no longer at $STORE_URL." "Fetch this script anew from ConfigMap $CLASS-flash; if that is no help, 'pulumi up' stores it again." ;;
  000) fail 4 "The firmware at $STORE_URL cannot be reached ($(curl_said))." "Check this computer's network or VPN; for a certificate of your own set CURL_CA_BUNDLE." ;;
  *) fail 7 "The firmware at $STORE_URL cannot be fetched (HTTP status $http_status)." "Tell whoever runs the cluster." ;;
  esac
}

need_curl() {
  has_tool curl || fail 3 "This computer lacks the command curl, and the firmware is kept outside of the cluster." "Install it and run this again."
}

fetch_from_s3() {
  need_curl
  set --
  login id key "${AWS_ACCESS_KEY_ID-}" "${AWS_SECRET_ACCESS_KEY-}"
  if [ -s "$work/curl.conf" ]; then
    curl --help all 2>/dev/null | grep -q aws-sigv4 || fail 3 "The curl of this computer is too old for S3." "Install curl 7.75 or newer."
    set -- --aws-sigv4 "aws:amz:$STORE_REGION:s3" --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD'
    if ! has_access id && [ -n "${AWS_SESSION_TOKEN-}" ]; then
      { printf 'header = "x-amz-security-token: ' && printf '%s' "$AWS_SESSION_TOKEN" | quoted && printf '"\n'; } >>"$work/curl.conf"
    fi
  fi
  download "$STORE_URL" "$work/fetched" "$@"
  check_download "Ask whoever runs the cluster for spec.artifacts.flashing, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to an access key that may read it (and check this computer's clock)."
}

fetch_from_oci() {
  need_curl
  login username password "${EDGEFLOCK_REGISTRY_USERNAME-}" "${EDGEFLOCK_REGISTRY_PASSWORD-}"
  download "$STORE_URL" "$work/fetched" --location
  if [ "$http_status" = 401 ] && grep -qi '^www-authenticate: *bearer ' "$work/headers"; then
    registry_token
    download "$STORE_URL" "$work/fetched" --location
  fi
  check_download "Ask whoever runs the cluster for spec.artifacts.flashing, or set EDGEFLOCK_REGISTRY_USERNAME and EDGEFLOCK_REGISTRY_PASSWORD to a login that may pull it."
}

# Some registries want a token, from a server that they name. https://distribution.github.io/distribution/spec/auth/token/
registry_token() {
  realm=$(challenge_field realm)
  case $realm in
  https://*) ;;
  http://*) case $STORE_URL in https://*) fail 5 "The registry wants a password sent without TLS, to $realm." "Tell whoever runs the registry." ;; esac ;;
  *) fail 7 "The registry at $STORE_URL names nobody to log in to." "Tell whoever runs the registry." ;;
  esac
  repository=${STORE_URL#*/v2/}
  download "$realm" "$work/token" --get --data-urlencode "service=$(challenge_field service)" --data-urlencode "scope=repository:${repository%/blobs/*}:pull"
  check_download "The registry does not accept the login."
  # the value of "token", or of "access_token"
  { printf 'header = "Authorization: Bearer ' && tr -d '\n' <"$work/token" | sed -n 's/.*"\(access_\)\{0,1\}token" *: *"\([^"\\]*\)".*/\2/p' | tr -d '\n' && printf '"\n'; } >"$work/curl.conf"
  rm -f "$work/token"
}

# challenge_field NAME: of the registry's challenge
challenge_field() {
  tr -d '\r' <"$work/headers" | grep -i '^www-authenticate: *bearer ' | sed -n "s/.*[ ,]$1=\"\([^\"]*\)\".*/\1/p" | sed -n 1p
}

# What was built with a secret lies outside of the cluster encrypted: https://age-encryption.org
decrypt_artifact() {
  age_command=${EDGEFLOCK_AGE:-age}
  has_tool "$age_command" || fail 3 "age was not found (looked for \"$age_command\"), and the firmware of class $CLASS is encrypted." "Install it from https://age-encryption.org or set EDGEFLOCK_AGE."
  has_access identity || fail 7 "Secret $STORE_ACCESS has no key for the firmware of class $CLASS." "'pulumi up' makes it again."
  access_field identity >"$work/age-key"
  error=$( (start_tool "$age_command" --decrypt --identity "$work/age-key" --output "$work/artifact.tar.gz" "$work/fetched") 2>&1) || {
    check_local "$error"
    artifact_damaged "it cannot be decrypted"
  }
  rm -f "$work/age-key"
}
