# The peer of the NVS benchmark: the real esp-idf-nvs-partition-gen in one process, imported once. For each JSON
# line {"what": "api" | "encrypted api" | "generate", "rounds": n, "rows": ..., "csv": path, "key": hex} it answers
# the microseconds of every round as a JSON list.
import binascii
import io
import json
import os
import sys
import tempfile
import time
import types

from esp_idf_nvs_partition_gen import nvs_partition_gen as gen

SIZE = 0x6000


def api(case, key):
    out = io.BytesIO()
    # the tool itself keeps one page in reserve before it calls nvs_open
    nvs = gen.nvs_open(out, SIZE - 0x1000, gen.Page.VERSION2, is_encrypt=key is not None, key=key)
    for row_key, row_type, encoding, value in case["rows"]:
        gen.write_entry(nvs, row_key, row_type, encoding, value)
    gen.nvs_close(nvs)
    return out.getvalue()


def generate(case, folder):
    args = types.SimpleNamespace(
        input=[case["csv"]], output="out.bin", size=hex(SIZE), version=2, outdir=folder
    )
    gen.generate(args)


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the tool prints as it goes
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            case = json.loads(line)
            key = binascii.unhexlify(case["key"]) if case["what"] == "encrypted api" else None
            times = []
            for _ in range(case["rounds"]):
                start = time.perf_counter_ns()
                if case["what"] == "generate":
                    generate(case, folder)
                else:
                    api(case, key)
                times.append((time.perf_counter_ns() - start) / 1000)
            answers.write(json.dumps(times) + "\n")
            answers.flush()


main()
