# ---- The firmware: fetched, checked, unpacked ----------------------------------------------------------

# Prints "offset sha256 size path" for each file of the artefact.
artifact_files() {
  printf '%s\n' "$FILES" | sed '/^$/d'
}

artifact_damaged() {
  fail 7 "The firmware of class $CLASS is damaged: $1." "Tell whoever runs the cluster to run 'pulumi up' again; nothing was written to the board."
}

fetch_artifact() {
  step "Fetching firmware $FIRMWARE_VERSION"
  read_access
  case $STORE_KIND in
  cluster) fetch_from_cluster ;;
  directory) fetch_from_directory ;;
  s3) fetch_from_s3 ;;
  oci) fetch_from_oci ;;
  esac
  if [ -n "$STORE_ENCRYPTED" ]; then decrypt_artifact; else mv "$work/fetched" "$work/artifact.tar.gz"; fi
  rm -f "$work/fetched" "$work/access" "$work/curl.conf" "$work/headers" "$work/curl.error"
  error=$(gzip -dc "$work/artifact.tar.gz" 2>&1 >"$work/artifact.tar") || {
    check_local "$error"
    artifact_damaged "it cannot be decompressed"
  }
  rm -f "$work/artifact.tar.gz"
  [ "sha256:$(sha256 "$work/artifact.tar")" = "$ARTIFACT_DIGEST" ] || artifact_damaged "its digest is not $ARTIFACT_DIGEST"
  unpack_artifact
  rm -f "$work/artifact.tar"
  check_layout
}

fetch_from_cluster() {
  # what was built with a secret is kept in Secrets
  case $STORE_OBJECTS in
  secret) field=data ;;
  *) field=binaryData ;;
  esac
  : >"$work/fetched"
  for part in $STORE_PARTS; do
    error=$(kube get "$STORE_OBJECTS" "$part" -n "$STORE_NAMESPACE" -o "jsonpath={.$field.part}" 2>&1 >"$work/part") || {
      case $error in
      *'(NotFound)'*) fail 7 "The firmware of class $CLASS is no longer in the cluster ($STORE_OBJECTS $part is gone)." "Fetch this script anew from ConfigMap $CLASS-flash; if that is no help, 'pulumi up' stores it again." ;;
      esac
      namespace=$STORE_NAMESPACE
      explain_kube "$error" get "$STORE_OBJECTS" "$part"
    }
    error=$(base64 "$base64_option" <"$work/part" 2>&1 >>"$work/fetched") || {
      check_local "$error"
      artifact_damaged "$STORE_OBJECTS $part holds no base64"
    }
  done
  rm -f "$work/part"
}

fetch_from_directory() {
  [ -f "$STORE_PATH" ] || fail 7 "The firmware of class $CLASS is not at $STORE_PATH." "Is that folder's disk or share mounted? If it is, 'pulumi up' stores it again."
  error=$(cat "$STORE_PATH" 2>&1 >"$work/fetched") || {
    check_local "$error"
    fail 7 "The firmware at $STORE_PATH cannot be read." "Check its permissions."
  }
}

# The digest says that the archive is the one that was built; names and kinds are checked all the same.
unpack_artifact() {
  tar -tf "$work/artifact.tar" >"$work/names" 2>/dev/null || artifact_damaged "it is no tar archive"
  if grep -q -e '^/' -e '\.\.' "$work/names"; then artifact_damaged "it has names that lead out of its folder"; fi
  mkdir "$work/firmware"
  error=$(tar -xof "$work/artifact.tar" -C "$work/firmware" 2>&1) || {
    check_local "$error"
    artifact_damaged "it cannot be unpacked"
  }
  [ -z "$(find "$work/firmware" ! -type f ! -type d)" ] || artifact_damaged "it has more than files and folders"
  table_file=''
  artifact_files >"$work/files"
  while read -r offset digest size path; do
    file=$work/firmware/$path
    [ -f "$file" ] || artifact_damaged "$path is missing"
    [ "$(size_of "$file")" -eq "$size" ] && [ "$(sha256 "$file")" = "$digest" ] || artifact_damaged "$path is not what was built"
    check_chip_of_image "$file" "$path"
    [ "$(bytes_of -N 2 "$file" | tr -d '\n')" != aa50 ] || [ "$offset" -ne "$TABLE_OFFSET" ] || table_file=$file
  done <"$work/files"
}

# The partition table decides where a firmware looks for its configuration, so it is read, not believed.
check_layout() {
  [ -n "$table_file" ] || artifact_damaged "it has no partition table at $(hex_of "$TABLE_OFFSET")"
  partition_rows "$table_file" >"$work/partitions"
  check_config_partition "The firmware's partition table" "The class's manifest and its firmware disagree: tell whoever runs the cluster."
  flash_needed=$(awk -v most="$FLASH_BYTES" '$3 + $4 > most { most = $3 + $4 } END { print most + 0 }' "$work/partitions")
  config_end=$((CONFIG_OFFSET + CONFIG_SIZE))
  while read -r offset _ size path; do
    [ $((offset + size)) -le "$CONFIG_OFFSET" ] || [ "$offset" -ge "$config_end" ] || fail 7 "$path at $(hex_of "$offset") would overwrite the configuration at $(hex_of "$CONFIG_OFFSET")." "The class's firmware is wrong: tell whoever runs the cluster."
  done <"$work/files"
}

# check_config_partition WHOSE-TABLE WHAT-TO-DO: $work/partitions must have the class's configuration partition
check_config_partition() {
  found=$(awk -v label="$CONFIG_LABEL" '$5 == label { print $3, $4; exit }' "$work/partitions")
  [ -n "$found" ] || fail 7 "$1 has no partition \"$CONFIG_LABEL\"." "$2"
  [ "$found" = "$CONFIG_OFFSET $CONFIG_SIZE" ] || fail 7 "$1 has \"$CONFIG_LABEL\" at $(hex_of "${found% *}") with ${found#* } bytes, the class at $(hex_of "$CONFIG_OFFSET") with $CONFIG_SIZE." "$2"
}
