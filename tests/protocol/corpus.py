#!/usr/bin/env python3
"""corpus.py BINLOG_ROWS [DIR]: every row of recorded binlogs, against what other readers made of them.

DIR (default: $LEAT_CORPUS) holds binlogs/ORACLE.json and binlogs/oracle-rows/*.jsonl.gz, or is that binlogs
directory. Without it the test is skipped (77). Prints one line a file.
"""
import base64, gzip, json, os, shutil, subprocess, sys, tempfile


def plain(value):
    """Text, bytes and JSON in a form that both sides share."""
    if isinstance(value, dict) and "b64" in value:
        return base64.b64decode(value["b64"])
    if isinstance(value, dict) and "json" in value:
        return json.loads(value["json"])
    if isinstance(value, str):
        return value.encode()
    return value


def same(ours, theirs, unsigned_bits):
    a, b = plain(ours), plain(theirs)
    if a == b:
        return True
    if isinstance(a, float) or isinstance(b, float):
        return abs(float(a) - float(b)) <= 1e-6 * max(abs(float(a)), abs(float(b)))
    if isinstance(a, int) and isinstance(b, int) and unsigned_bits:
        return a == b % (1 << unsigned_bits)
    if not isinstance(a, bytes) and isinstance(b, bytes):
        try:
            return a == json.loads(b)
        except ValueError:
            return False
    return False


BITS = {1: 8, 2: 16, 3: 32, 8: 64, 9: 24}


def row_difference(ours, theirs, table):
    for key in ("op", "table", "end_pos"):
        if ours[key] != theirs[key] and not (key == "end_pos" and theirs[key] == 0):  # 0: inside a payload
            return f"{key} is {ours[key]}, not {theirs[key]}"
    for image in ("before", "after"):
        a, b = ours.get(image), theirs.get(image)
        if (a is None) != (b is None) or (a is not None and len(a) != len(b)):
            return f"{image} is {a}, not {b}"
        for i, (x, y) in enumerate(zip(a or [], b or [])):
            kind = table["types"][i] if i < len(table["types"]) else 8  # a column that came by ALTER
            if not same(x, y, BITS.get(kind)):
                return f"{image} column {i + 1} (type {kind}) is {x!r}, not {y!r}"
    return None


def decode(program, path):
    done = subprocess.run([program, path], capture_output=True)
    rows = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    return done.returncode, rows, done.stderr.decode(errors="replace").strip()


def check_file(program, root, entry, scratch):
    path = os.path.join(root, entry["file"])
    if path.endswith(".gz"):
        with gzip.open(path) as source, open(scratch, "wb") as target:
            shutil.copyfileobj(source, target)
        path = scratch
    status, rows, said = decode(program, path)
    if status not in (0, 1):
        return f"exit status {status}: {said}"
    if entry["verdict"] != "ok":
        return None if status == 1 and said else "was not refused"
    if status != 0:
        return said
    wanted = []
    if "rows_file" in entry:
        with gzip.open(os.path.join(root, entry["rows_file"]), "rt", encoding="utf-8") as lines:
            wanted = [json.loads(line) for line in lines]
    if len(rows) != len(wanted):
        return f"{len(rows)} rows, not {len(wanted)}"
    for i, (ours, theirs) in enumerate(zip(rows, wanted)):
        difference = row_difference(ours, theirs, entry["tables"][theirs["table"]])
        if difference:
            return f"row {i + 1} of {theirs['table']}: {difference}"
    if f"at {entry['last_event_end_pos']}" not in said.replace(":", " "):
        return f"ended elsewhere: {said}"
    return None


def main():
    program = sys.argv[1]
    root = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("LEAT_CORPUS", "")
    if os.path.isdir(os.path.join(root, "binlogs")):
        root = os.path.join(root, "binlogs")
    oracle = os.path.join(root, "ORACLE.json")
    if not root or not os.path.exists(oracle):
        print("no corpus: skipped")
        sys.exit(77)
    with open(oracle, encoding="utf-8") as text:
        entries = json.load(text)["files"]
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for entry in entries:
            trouble = check_file(program, root, entry, os.path.join(scratch, "binlog"))
            failures += trouble is not None
            print(f"{entry['file']}: {trouble or 'ok, %d rows' % entry.get('rows_total', 0)}")
    sys.exit(1 if failures else 0)


main()
