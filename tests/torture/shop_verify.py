#!/usr/bin/env python3
"""Proves that files of Debezium NDJSON tell exactly what happened in the database `shop` (see shop_writer.c).

    shop_verify.py --out DIR --port P [--books FILE] [--topic-prefix shop.]

It replays every line of every part of each table's file, in order, and finds
  lost        an update whose `before` is newer than what the files had so far, a key never seen, books that say more
  doubled     an insert of a row that is there, an update or delete seen before, books that say less
  reordered   a version that goes back
  torn        a line that is no JSON object
  clear       an e-mail address that is not masked, or a card number, anywhere in the bytes
and in the end compares the rows with the tables themselves, column by column, exactly.
Rows read again by a snapshot (op r) that was interrupted are counted, not blamed.
"""
import argparse
import base64
import collections
import datetime
import glob
import gzip
import json
import os
import re
import struct
import subprocess
import sys

KEYS = {"customers": ("id",), "orders": ("id",), "items": ("order_id", "line")}

# How a column is asked of the server, and how Debezium's value becomes the same text.
EPOCH = datetime.datetime(1970, 1, 1)


def decimal_of(scale):
    def convert(value):
        number = int.from_bytes(base64.b64decode(value), "big", signed=True)
        digits = str(abs(number)).rjust(scale + 1, "0")
        text = digits[:-scale] + "." + digits[-scale:] if scale else digits
        return ("-" if number < 0 else "") + text
    return convert


def date(value):
    return (EPOCH + datetime.timedelta(days=value)).strftime("%Y-%m-%d")


def datetime_us(value):
    return (EPOCH + datetime.timedelta(microseconds=value)).strftime("%Y-%m-%d %H:%M:%S.%f")


def datetime_ms(value):
    return datetime_us(value * 1000)[:-3]


def timestamp(digits):
    def convert(value):
        text = value.rstrip("Z").replace("T", " ")
        whole, _, fraction = text.partition(".")
        return whole + ("." + fraction.ljust(digits, "0") if digits else "")
    return convert


def time_us(digits):
    def convert(value):
        sign, value = ("-" if value < 0 else ""), abs(value)
        seconds, us = divmod(value, 1000000)
        text = "%s%02d:%02d:%02d" % (sign, seconds // 3600, seconds // 60 % 60, seconds % 60)
        return text + (".%06d" % us)[:digits + 1] if digits else text
    return convert


def binary(value):
    return base64.b64decode(value).hex().upper()


def bits(value):
    return str(int.from_bytes(base64.b64decode(value), "little"))


def mask(text):
    return re.sub("^[^@]+", "***", text)


def single(value):
    return repr(struct.unpack("f", struct.pack("f", float(value)))[0])


def double(value):
    return repr(float(value))


BINARY, FLOATING = "HEX({})", "CAST({} AS DOUBLE)"
COLUMNS = {
    "customers": {"balance": (None, decimal_of(2)), "birthday": (None, date), "created": (None, datetime_us),
                  "seen": (None, timestamp(3)), "is_active": (None, lambda v: str(int(v)))},
    "orders": {"total": (None, decimal_of(2)), "tax": (None, decimal_of(10)), "discount": (FLOATING, double),
               "weight": (FLOATING, single), "placed": (None, datetime_ms), "paid": (None, timestamp(0)),
               "slot": (None, time_us(3)), "flags": ("{} + 0", bits)},
    "items": {"price": (None, decimal_of(4)), "code": (BINARY, binary), "picture": (BINARY, binary),
              "label": (BINARY, binary)},
}
MASKED = {"email", "contact_email"}
CLEAR = re.compile(rb'"(?:[^"*\\@][^"@]{0,119})@(?:mail|other)\.example"|4111\d{12}')


class Blame:
    def __init__(self):
        self.counts = collections.Counter()
        self.shown = collections.Counter()

    def __call__(self, kind, text):
        self.counts[kind] += 1
        if self.shown[kind] < 8:
            self.shown[kind] += 1
            print(f"  {kind}: {text}")


def parts(out, topic):
    """The files of one topic, in order: NAME-<first offset>.ndjson[.gz], then NAME.ndjson."""
    closed = []
    for path in glob.glob(os.path.join(out, topic + "-*.ndjson")) + glob.glob(os.path.join(out, topic + "-*.ndjson.gz")):
        match = re.search(r"-(\d+)\.ndjson(\.gz)?$", path)
        if match:
            closed.append((int(match.group(1)), path))
    closed.sort()
    for (first, one), (second, other) in zip(closed, closed[1:]):
        if first == second:
            raise SystemExit(f"two files of one part: {one}, {other}")
    current = os.path.join(out, topic + ".ndjson")
    return [path for _, path in closed] + ([current] if os.path.exists(current) else [])


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        yield from file


def default_added(before, row):
    """The row before an ALTER TABLE has no such column; the image after it has its default."""
    return {name: row.get(name, value) for name, value in before.items()}


class Table:
    def __init__(self, name, blame):
        self.name, self.blame = name, blame
        self.rows, self.dead = {}, set()
        self.ops = collections.Counter()
        self.reread = 0

    def key(self, row):
        return tuple(row[column] for column in KEYS[self.name])

    def apply(self, event, where):
        op, before, after = event["op"], event.get("before"), event.get("after")
        self.ops[op] += 1
        if op == "r":
            self.read(self.key(after), after, where)
        elif op == "c":
            key = self.key(after)
            if key in self.rows or key in self.dead:
                self.blame("doubled", f"{where}: insert of {key}, which is there or was deleted")
            self.rows[key] = after
        elif op == "t":  # a snapshot that was interrupted begins again with empty tables
            self.rows.clear()
            self.dead.clear()
        elif op in "ud":
            self.change(op, before, after, where)
        else:
            self.blame("torn", f"{where}: op {op!r}")

    def read(self, key, row, where):
        """By a snapshot. Where it reads while changes come, what it read before them must not come behind them."""
        self.reread += key in self.rows
        if key in self.dead or key in self.rows and row["ver"] < self.rows[key]["ver"]:
            self.blame("reordered", f"{where}: {key} was read at version {row['ver']}, and had gone on by then")
        self.rows[key] = row

    def change(self, op, before, after, where):
        key = self.key(before)
        row = self.rows.get(key)
        if row is None:
            kind = "doubled" if key in self.dead else "lost"
            self.blame(kind, f"{where}: {op} of {key}, which is not there")
        elif before != default_added(before, row) or before["ver"] != row["ver"]:
            kind = "lost" if before["ver"] > row["ver"] else "doubled"
            self.blame(kind, f"{where}: {op} of {key} at version {before['ver']}, the files had {row['ver']}")
        if op == "d":
            self.rows.pop(key, None)
            self.dead.add(key)
            return
        if after["ver"] != before["ver"] + 1:
            self.blame("reordered", f"{where}: version {before['ver']} became {after['ver']}")
        self.rows[self.key(after)] = after


def query(port, sql):
    command = ["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{port}", "-uroot", "-N", "--raw",
               "--default-character-set=utf8mb4", "--quick", "-e", "SET time_zone = '+00:00'; " + sql]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    yield from process.stdout
    if process.wait() != 0:
        raise SystemExit(f"the server refused: {sql[:100]}")


def compare(table, port, blame):
    """The rows of the files against the table itself."""
    columns = [line.decode().strip() for line in query(port, "SELECT column_name FROM information_schema.columns "
               f"WHERE table_schema = 'shop' AND table_name = '{table.name}' ORDER BY ordinal_position")]
    columns.remove("card_number") if "card_number" in columns else None
    how = COLUMNS[table.name]
    asked = ", ".join("CAST(" + (how.get(c, (None, None))[0] or "{}").format(f"`{c}`") + " AS CHAR)" for c in columns)
    seen = 0
    for line in query(port, f"SELECT JSON_ARRAY({asked}) FROM shop.{table.name}"):
        truth = dict(zip(columns, json.loads(line)))
        seen += 1
        key = tuple(int(truth[column]) for column in KEYS[table.name])
        row = table.rows.get(key)
        if row is None:
            blame("lost", f"{table.name} {key} is in the table, not in the files")
            continue
        for column in columns:
            compare_value(table.name, key, column, truth[column], row.get(column), how, blame)
    if seen != len(table.rows):
        blame("phantom", f"{table.name}: {len(table.rows)} rows by the files, {seen} in the table")
    return seen


def compare_value(name, key, column, truth, value, how, blame):
    convert = how.get(column, (None, str))[1]
    text = None if value is None else convert(value)
    if truth is not None:
        if column in MASKED:
            truth = mask(truth)
        elif convert in (single, double):
            truth = convert(truth)
    if column == "region" and truth == "none" and value is None:
        return  # added by ALTER TABLE, and the row has not changed since
    if text != truth:
        blame("different", f"{name} {key}.{column}: {text!r} in the files, {truth!r} in the table")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--books")
    parser.add_argument("--topic-prefix", default="shop.")
    args = parser.parse_args()
    blame, tables, total_lines, total_bytes = Blame(), {}, 0, 0
    for name in KEYS:
        table = tables[name] = Table(name, blame)
        for path in parts(args.out, args.topic_prefix + name):
            for number, line in enumerate(lines(path), 1):
                where = f"{os.path.basename(path)}:{number}"
                total_lines += 1
                total_bytes += len(line)
                if CLEAR.search(line):
                    blame("clear", f"{where}: an address or a card number can be read")
                try:
                    event = json.loads(line)
                except ValueError:
                    blame("torn", f"{where}: no JSON")
                    continue
                table.apply(event, where)
        table.final = compare(table, args.port, blame)
    if args.books:
        with open(args.books) as file:
            books = json.load(file)["changes"]
        for name, table in tables.items():
            for op in "cud":
                if table.ops[op] != books[name][op]:
                    blame("lost" if table.ops[op] < books[name][op] else "doubled",
                          f"{name}: {table.ops[op]} changes of kind {op} in the files, {books[name][op]} in the books")
    changes = sum(table.ops[op] for table in tables.values() for op in "cud")
    print(json.dumps({
        "verdict": "ok" if not blame.counts else "BAD", "lines": total_lines, "bytes": total_bytes, "changes": changes,
        "snapshot_rows": sum(t.ops["r"] for t in tables.values()), "read_again": sum(t.reread for t in tables.values()),
        "final_rows": sum(t.final for t in tables.values()),
        **{kind: blame.counts[kind] for kind in ("lost", "doubled", "reordered", "torn", "phantom", "different", "clear")}}))
    sys.exit(1 if blame.counts else 0)


if __name__ == "__main__":
    main()
