#!/usr/bin/env python3
"""verbose.py BINLOG_ROWS MARIADB_BINLOG [--seed N] [DIR]: every value as another decoder reads it.

The rows that BINLOG_ROWS prints of a log file must be those that `mariadb-binlog -vv` prints of it: of a log that the test
makes (all column types, random values; no metadata in the log, so that strings are the bytes themselves), and of the recorded
ones in DIR (default: $LEAT_CORPUS, if set), as far as mariadb-binlog reads them.
"""
import argparse
import base64
import glob
import gzip
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "live"), os.path.join(HERE, "..", "servers")]
import kit  # noqa: E402
import mysql_kinds  # noqa: E402

VALUE = re.compile(rb"^###   @(\d+)=(.*?)(?: /\* (.*?) meta=\d+ nullable=\d is_null=(\d) \*/)?$", re.S)


def their_rows(program, path):
    """(op, table, [images]); None: it does not read this file."""
    done = subprocess.run([program, "--no-defaults", "-vv", "--base64-output=DECODE-ROWS", path], capture_output=True)
    rows = []
    for line in done.stdout.split(b"\n"):
        start = re.match(rb"^### (INSERT INTO|UPDATE|DELETE FROM) `(.*)`\.`(.*)`$", line)
        value = VALUE.match(line)
        if start:
            rows.append((start[1].split()[0].decode().lower(), (start[2] + b"." + start[3]).decode(), []))
        elif line in (b"### SET", b"### WHERE"):
            rows[-1][2].append({})
        elif value:
            rows[-1][2][-1][int(value[1])] = (value[2], (value[3] or b"").decode())
        elif line.startswith(b"###") and rows:
            return None, line
    return (rows, b"") if done.returncode == 0 else (None, done.stderr[-200:])


def our_rows(program, path):
    done = subprocess.run([program, path], capture_output=True)
    if done.returncode:
        raise SystemExit(f"{path}: {done.stderr.decode()}")
    rows = [json.loads(line, parse_float=str) for line in done.stdout.decode().split("\n")[:-1]]
    return [(r["op"], r["table"], [r[i] for i in ("before", "after") if i in r]) for r in rows]


def quoted(text):
    return b"'" + b"".join(bytes([b]) if b > 0x1f else b"\\x%02x" % b for b in text) + b"'"


def as_bytes(ours):
    """What may stand in the log for what we print: text is UTF-8 or, where the log told a charset, Windows-1252."""
    if isinstance(ours, dict):
        return [base64.b64decode(ours["b64"])] if "b64" in ours else [ours["json"].encode()]
    forms = [str(ours).encode()]
    return forms + ([ours.encode("cp1252")] if isinstance(ours, str) and not ours.isascii() and all(ord(c) < 256 for c in ours) else [])


def same_float(ours, theirs, is_single):
    ours, theirs = float(ours), float(theirs)
    if is_single: # six digits are printed
        return abs(ours - theirs) <= 1e-5 * abs(ours) + 1e-44
    return struct.pack("<d", ours) == struct.pack("<d", theirs) or (ours == 0 and theirs == 0)


def same_time(ours, theirs, kind):
    text = str(ours)
    if kind.startswith("TIMESTAMP"):
        import calendar
        if text.startswith("0000"):
            return float(theirs) == 0
        whole, _, fraction = text.partition(".")
        numbers = [int(n) for n in re.split("[- :]", whole)]
        return theirs.decode() == str(calendar.timegm((*numbers, 0, 0, 0))) + ("." + fraction if fraction else "")
    theirs = theirs.decode().strip("'")
    return text == (theirs.replace(":", "-") if kind.startswith("DATE ") or kind == "DATE" else theirs)


def inflated(theirs):
    """MariaDB's COMPRESSED columns are printed as they are stored: a head, then plain bytes or a zlib stream."""
    stored = re.sub(rb"\\x([01][0-9a-f])", lambda code: bytes([int(code[1], 16)]), theirs[1:-1])
    if stored[:1] <= b"\x0f":
        return quoted(stored[1:])
    start = 1 + (stored[0] & 7)
    return quoted(zlib.decompress(stored[start:], -15 if stored[0] & 8 else 15))


def same(ours, theirs, kind):
    if theirs == b"NULL":
        return ours is None
    theirs = theirs.rstrip()
    if "COMPRESSED" in kind:
        theirs = inflated(theirs)
    if kind == "YEAR" and theirs == b"1900": # what it makes of 0000
        return ours == 0
    if re.match("(TINY|SHORT|MEDIUM|LONG|)INT|YEAR|DECIMAL|ENUM", kind):
        return str(ours).encode() in theirs.replace(b"(", b"").replace(b")", b"").split()
    if kind.startswith(("FLOAT", "DOUBLE")):
        return same_float(ours, theirs, kind.startswith("FLOAT"))
    if kind.startswith("BIT"):
        return int(theirs[2:-1], 2) == ours
    if kind.startswith("SET"):
        bits = theirs[2:-1]
        return isinstance(ours, str) or sum(int(bits[i:i + 8], 2) << i for i in range(0, len(bits), 8)) == ours
    if kind.startswith(("DATE", "TIME")):
        return same_time(ours, theirs, kind)
    return theirs in [quoted(form) for form in as_bytes(ours)]


def differences(ours, theirs):
    if len(ours) != len(theirs):
        yield f"{len(ours)} rows, mariadb-binlog has {len(theirs)}"
    for number, (mine, its) in enumerate(zip(ours, theirs)):
        if mine[:2] != its[:2] or len(mine[2]) != len(its[2]):
            yield f"row {number}: {mine[:2]}, not {its[:2]}"
            return
        for image, values in zip(mine[2], its[2]):
            present = {i + 1 for i, cell in enumerate(image) if not (isinstance(cell, dict) and "absent" in cell)}
            if present != set(values):
                yield f"row {number} of {mine[1]}: columns {sorted(present)}, not {sorted(values)}"
            for place, (value, kind) in values.items():
                if place in present and not same(image[place - 1], value, kind):
                    yield f"row {number} of {mine[1]} @{place} {kind}: {str(image[place - 1])[:80]}, not {value[:80]!r}"


def compare(args, path, name):
    theirs, why = their_rows(args.mariadb_binlog, path)
    if theirs is None:
        print(f"{name}: mariadb-binlog does not read it: {why.decode(errors='replace').strip()[:100]}")
        return 0
    ours = our_rows(args.binlog_rows, path)
    trouble = list(differences(ours, theirs))
    print(f"{name}: {len(ours)} rows, {len(trouble)} differences", *trouble[:20], sep="\n  ", flush=True)
    return len(trouble)


def made_here(args):
    """A log with all column types, inserts, updates and deletes."""
    import mysql_types
    rng, failures = random.Random(args.seed), 0
    with tempfile.TemporaryDirectory(prefix="leat-verbose-") as scratch:
        server = kit.Server(os.path.join(scratch, "db"), "--binlog-row-metadata=NO_LOG", kind="mariadb").start()
        try:
            every = mysql_kinds.all_kinds(server, rng, ["utf8mb4", "latin1", "ucs2", "gbk"])
            tables = mysql_types.deal(every, rng, 20, 25)
            server.sql("CREATE DATABASE types", "USE types", "SET sql_mode = '', time_zone = '+00:00'",
                       *[text for table in tables for text in table.statements()],
                       *[f"UPDATE {table.name} SET id = id + 1000 ORDER BY id DESC" for table in tables],
                       *[f"DELETE FROM {table.name} WHERE id % 3 = 0" for table in tables], "FLUSH BINARY LOGS")
            for log in server.sql("SHOW BINARY LOGS").split("\n")[:-1]:
                name = log.split("\t")[0]
                failures += compare(args, os.path.join(server.folder, "data", name), f"seed {args.seed}: {name}")
        finally:
            server.stop("KILL")
    return failures


def recorded(args, folder):
    failures = 0
    with tempfile.TemporaryDirectory(prefix="leat-verbose-") as scratch:
        for path in sorted(glob.glob(os.path.join(folder, "**", "*bin*.*"), recursive=True)):
            name, plain = os.path.relpath(path, folder), path
            if path.endswith((".jsonl.gz", ".txt", ".json", ".md")):
                continue
            if path.endswith(".gz"):
                plain = os.path.join(scratch, "binlog")
                with gzip.open(path) as packed, open(plain, "wb") as file:
                    file.write(packed.read())
            failures += compare(args, plain, name)
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binlog_rows")
    parser.add_argument("mariadb_binlog", help="the program, or a script that prints where it is")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("dir", nargs="?", default=os.environ.get("LEAT_CORPUS"))
    args = parser.parse_args()
    if os.path.dirname(args.mariadb_binlog).endswith(os.path.join("tests", "servers")):
        args.mariadb_binlog = subprocess.run([args.mariadb_binlog], check=True, capture_output=True, text=True).stdout.strip()
    failures = made_here(args)
    if args.dir:
        failures += recorded(args, args.dir)
    sys.exit(1 if failures else 0)


main()
