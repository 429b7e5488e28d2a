#!/usr/bin/env python3
"""types.py BINLOG_ROWS [--server NAME] [MODE...]: all column types through a real MariaDB's log.

Starts a server (mariadb, the installed package, or another MariaDB of tests/servers), runs types.sql in it, then for each table: SELECT, UPDATE of every row's
key, DELETE. What BINLOG_ROWS reads from the server's own log files must be what SELECT gave, for inserts, both
images of updates, and deletes. Modes: plain, compressed, old-times, minimal, bare (no metadata in the log).
"""
import base64, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from ports import free_port  # noqa: E402

SERVERS = os.path.join(HERE, "..", "servers")
MODES = {
    "plain": [],
    "compressed": ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"],
    "old-times": ["--mysql56-temporal-format=OFF"],
    "minimal": ["--binlog-row-image=MINIMAL"],
    "bare": ["--binlog-row-metadata=NO_LOG"],
}
BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point", "polygon"}


class Server:
    def __init__(self, directory, kind, options):
        self.directory, self.script = directory, os.path.join(SERVERS, kind)
        port = str(free_port())
        subprocess.run([self.script, "start", directory, port, "--binlog-row-metadata=FULL", *options], check=True,
                       stdout=subprocess.DEVNULL)

    def run(self, sql):
        done = subprocess.run(
            ["mariadb", "--no-defaults", "-uroot", "-S", f"{self.directory}/mysqld.sock", "-N", "--batch", "--raw",
             "--default-character-set=utf8mb4"], input=sql.encode(), capture_output=True)
        if done.returncode:
            raise SystemExit(f"{sql[:200]}: {done.stderr.decode()}")
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def stop(self):
        subprocess.run([self.script, "stop", self.directory], check=False, stdout=subprocess.DEVNULL)

    def logs(self):
        return [line[0] for line in self.run("SHOW BINARY LOGS")]


def expression(column, mode):
    name, kind = column["name"], column["type"]
    if mode == "bare" and kind in ("enum", "set"):  # labels are not in the log
        return f"HEX(CAST(CAST(`{name}` + 0 AS UNSIGNED) AS CHAR))"
    if kind in BINARY:
        return f"HEX(`{name}`)"
    if kind == "bit":
        return f"HEX(CAST(`{name}` + 0 AS CHAR))"
    if kind in ("float", "double"):
        return f"HEX(CAST(CAST(`{name}` AS DOUBLE) AS CHAR))"
    return f"HEX(CONVERT(CAST(`{name}` AS CHAR) USING utf8mb4))"


def columns_of(server, table):
    rows = server.run("SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, DATETIME_PRECISION, COLUMN_TYPE "
                      "FROM information_schema.COLUMNS "
                      f"WHERE TABLE_SCHEMA = 'x' AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION")
    return [{"name": name, "type": kind, "charset": None if charset == "NULL" else charset,
             "digits": 0 if digits == "NULL" else int(digits), "is_unsigned": "unsigned" in full}
            for name, kind, charset, digits, full in rows]


def select(server, table, columns, mode):
    fields = ", ".join(expression(column, mode) for column in columns)
    rows = server.run(f"SET time_zone = '+00:00'; SELECT {fields} FROM x.{table} ORDER BY id")
    return [[None if cell == "NULL" else bytes.fromhex(cell) for cell in row] for row in rows]


def cell_bytes(cell):
    if isinstance(cell, dict):
        return base64.b64decode(cell["b64"]) if "b64" in cell else cell.get("json", "").encode()
    if isinstance(cell, str):
        return cell.encode()
    return None if cell is None else str(cell).encode()


def same(ours, theirs, column):
    if ours is None or theirs is None:
        return ours is theirs
    got = cell_bytes(ours)
    if column["type"] in ("float", "double"):
        digits = 5 if column["type"] == "float" else 14
        a, b = float(got), float(theirs)
        return a == b or abs(a - b) <= 10.0 ** -digits * max(abs(a), abs(b))
    if column["type"] in ("year", "int") and theirs.isdigit():
        return int(got) == int(theirs)
    return got == theirs


def compare(where, ours, wanted, columns, may_be_absent):
    if len(ours) != len(wanted):
        return [f"{where}: {len(ours)} rows, not {len(wanted)}"]
    trouble = []
    for row, want in zip(ours, wanted):
        for i, column in enumerate(columns):
            if isinstance(row[i], dict) and row[i].get("absent"):
                if not may_be_absent or i == 0:
                    trouble.append(f"{where} row {want[0].decode()}: {column['name']} is absent")
            elif not same(row[i], want[i], column):
                trouble.append(f"{where} row {want[0].decode()} column {column['name']} ({column['type']}): "
                               f"{str(row[i])[:80]}, not {str(want[i])[:80]}")
    return trouble


def hints(tables, mode):
    for table, (columns, *_) in tables.items():
        for i, column in enumerate(columns):
            place = f"x.{table}.{i + 1}="
            if column["type"] in ("uuid", "inet6", "inet4"):
                yield place + column["type"]
            elif mode == "old-times" and column["type"] in ("time", "datetime", "timestamp") and column["digits"]:
                yield f"{place}digits:{column['digits']}"
            if mode == "bare" and column["is_unsigned"]:
                yield place + "unsigned"
            if mode == "bare" and column["type"] not in ("enum", "set"):
                charset = column["charset"] or ("binary" if column["type"] in BINARY else None)
                if charset:
                    yield f"{place}charset:{charset}"


def decode(program, server, logs, arguments):
    rows = []
    for log in logs:
        done = subprocess.run([program, f"{server.directory}/data/{log}", *arguments], capture_output=True)
        if done.returncode:
            raise SystemExit(f"{log}: {done.stderr.decode()}")
        rows += [json.loads(line) for line in done.stdout.decode().splitlines()]
    return rows


def check(program, kind, mode, directory):
    server = Server(directory, kind, MODES[mode])
    try:
        with open(os.path.join(HERE, "types.sql"), encoding="utf-8") as text:
            server.run("CREATE DATABASE x CHARACTER SET utf8mb4; USE x; SET time_zone = '+00:00', sql_mode = '';" + text.read())
        tables = {}
        for (table,) in server.run("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'x'"):
            columns = columns_of(server, table)
            inserted = select(server, table, columns, mode)
            server.run(f"UPDATE x.{table} SET id = id + 1000 ORDER BY id DESC")
            updated = select(server, table, columns, mode)
            server.run(f"DELETE FROM x.{table} ORDER BY id")
            tables[table] = (columns, inserted, updated)
        server.run("FLUSH BINARY LOGS")
        rows = decode(program, server, server.logs(), list(hints(tables, mode)))
    finally:
        server.stop()
    return rows, tables


def differences(rows, tables, mode):
    trouble, minimal = [], mode == "minimal"
    for table, (columns, inserted, updated) in tables.items():
        mine = [row for row in rows if row["table"] == f"x.{table}"]
        of = lambda op, image: [row[image] for row in mine if row["op"] == op]
        newest_first = lambda images: images[::-1]
        trouble += compare(f"{table} insert", of("insert", "after"), inserted, columns, False)
        trouble += compare(f"{table} before", newest_first(of("update", "before")), inserted, columns, minimal)
        trouble += compare(f"{table} after", newest_first(of("update", "after")), updated, columns, minimal)
        trouble += compare(f"{table} delete", of("delete", "before"), updated, columns, minimal)
    return trouble


def main():
    kind = sys.argv[3] if sys.argv[2:3] == ["--server"] else "mariadb"
    program, modes, failures = sys.argv[1], sys.argv[4 if kind != "mariadb" else 2:] or list(MODES), 0
    for mode in modes:
        with tempfile.TemporaryDirectory(prefix="leat-types-") as scratch:
            rows, tables = check(program, kind, mode, os.path.join(scratch, "db"))
        trouble = differences(rows, tables, mode)
        failures += len(trouble)
        print(f"{mode}: {len(rows)} rows of {len(tables)} tables, {len(trouble)} differences")
        for line in trouble[:40]:
            print("  " + line)
    sys.exit(1 if failures else 0)


main()
