#!/usr/bin/env python3
"""corpus_files.py LEAT [DIR]: recorded binlogs as a source, from end to end: of each table as many inserts, updates and deletes as
other readers found, or the table is parked, by name, for nothing tells its columns.

DIR as for corpus.py. All that the source is told is which databases there are: tables come from the logs' own statements.
"""
import collections, gzip, json, os, re, subprocess, sys, tempfile

KINDS = {"c": "insert", "u": "update", "d": "delete"}


def prepare(root, entry, folder):
    path = os.path.join(root, entry["file"])
    if path.endswith(".gz"):
        whole = os.path.join(folder, os.path.basename(path)[:-3])
        with gzip.open(path) as source, open(whole, "wb") as target:
            target.write(source.read())
        path = whole
    databases = sorted({table.split(".")[0] for table in entry.get("tables", {})})
    with open(os.path.join(folder, "tables.sql"), "w", encoding="utf-8") as sql:
        sql.writelines(f"CREATE DATABASE `{name}` CHARACTER SET utf8;\n" for name in databases)
    with open(os.path.join(folder, "corpus.yaml"), "w", encoding="utf-8") as yaml:
        json.dump({"data": "./data", "pipelines": {"corpus": {
            "source": {"mysql": {"files": [os.path.abspath(path)], "schema_file": "tables.sql", "tables": ["*.*"]}},
            "sinks": {"out": {"file": {"path": "out/{topic}.ndjson", "format": "native-json"}}}}}}, yaml)


def read(folder):
    found, out = {}, os.path.join(folder, "out")
    for name in os.listdir(out) if os.path.isdir(out) else []:
        if name.endswith(".ndjson"):
            with open(os.path.join(out, name), encoding="utf-8") as lines:
                counts = collections.Counter(json.loads(line)["op"] for line in lines)
            found[name[:-7]] = {kind: counts[op] for op, kind in KINDS.items()}
    return found


def is_same(found, wanted):
    """An update that changes the key is a delete and an insert of the sink's format."""
    keys = wanted["update"] - found["update"]
    return keys >= 0 and found["insert"] == wanted["insert"] + keys and found["delete"] == wanted["delete"] + keys


def check(leat, root, entry, folder):
    prepare(root, entry, folder)
    done = subprocess.run([leat, "run", "corpus.yaml", "--once"], cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    said = done.stdout + done.stderr
    if entry["verdict"] != "ok":
        return (None if done.returncode == 1 and "error: corpus: " in said else f"was not refused: {said[-600:]}"), 0
    if done.returncode != 0:
        return f"exit status {done.returncode}: {said[-600:]}", 0
    parked, found = set(re.findall(r"table (\S+) is parked", said)), read(folder)
    for table, wanted in entry.get("rows", {}).items():
        if table not in parked and not is_same(found.get(table, dict.fromkeys(KINDS.values(), 0)), wanted):
            return f"{table}: {found.get(table)}, not {wanted}", 0
    return None, len(parked)


def main():
    leat = os.path.abspath(sys.argv[1])
    root = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("LEAT_CORPUS", "")
    if os.path.isdir(os.path.join(root, "binlogs")):
        root = os.path.join(root, "binlogs")
    oracle = os.path.join(root, "ORACLE.json")
    if not root or not os.path.exists(oracle):
        print("no corpus: skipped")
        sys.exit(77)
    failures = 0
    with open(oracle, encoding="utf-8") as text:
        entries = json.load(text)["files"]
    for entry in entries:
        with tempfile.TemporaryDirectory(prefix="leat-corpus-") as folder:
            trouble, parked = check(leat, root, entry, folder)
        failures += trouble is not None
        print(f"{entry['file']}: {trouble or 'ok'}{f', {parked} tables parked' if parked else ''}")
    sys.exit(1 if failures else 0)


main()
