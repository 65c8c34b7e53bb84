# One process that makes images with the real esp-idf-nvs-partition-gen, in process: JSON lines in, JSON lines out.
# A case is {"rows": [[key, type, encoding, value], ...]} (its low-level API) or {"csv": text} (its generate()),
# with "size", "version" and, for an encrypted image, "key" (128 hexadecimal digits).
# The answer is {"image": base64} or {"error": class name}.
import base64
import binascii
import io
import json
import os
import sys
import tempfile
import types

from esp_idf_nvs_partition_gen import nvs_partition_gen as gen


def usable_size(size):
    """What check_size of the tool makes of a size: one page is reserved unless the partition is read-only."""
    rest = size - 0x1000
    return (size, True) if rest < 0x2000 else (rest, False)


def by_rows(case):
    size, read_only = usable_size(case["size"])
    version = gen.Page.VERSION1 if case["version"] == 1 else gen.Page.VERSION2
    key = binascii.unhexlify(case["key"]) if case.get("key") else None
    out = io.BytesIO()
    nvs = gen.nvs_open(out, size, version, is_encrypt=key is not None, key=key, read_only=read_only)
    for row_key, row_type, encoding, value in case["rows"]:
        gen.write_entry(nvs, row_key, row_type, encoding, value)
    gen.nvs_close(nvs)
    return out.getvalue()


def by_csv(case, folder):
    source = os.path.join(folder, "in.csv")
    with open(source, "w", encoding="utf8", newline="") as file:
        file.write(case["csv"])
    target = os.path.join(folder, "out.bin")
    key = binascii.unhexlify(case["key"]) if case.get("key") else None
    args = types.SimpleNamespace(
        input=[source], output=target, size=str(case["size"]), version=case["version"], outdir=folder
    )
    gen.generate(args, is_encr_enabled=key is not None, encr_key=key)
    with open(target, "rb") as file:
        return file.read()


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the tool prints as it goes; only answers go to our caller
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            case = json.loads(line)
            try:
                image = by_rows(case) if "rows" in case else by_csv(case, folder)
                answer = {"image": base64.b64encode(image).decode()}
            except (Exception, SystemExit) as error:
                answer = {"error": type(error).__name__}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


main()
