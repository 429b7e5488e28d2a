#!/usr/bin/env python3
"""Random tables over all column types, random rows: a row that the snapshot reads, the same row in the binary log, and the
server's own SELECT are one and the same, in every format, however much the log tells of its tables.

A seed is printed; --seed N makes the same tables and rows once more.
"""
import os
import random

import kit
import mysql_kinds as kinds
from kit import shop_yaml

FORMATS = { # where the row is, None: there is none
    "native-json": lambda r: r["value"], "debezium": lambda r: r["after"], "json": lambda r: r,
    "maxwell": lambda r: None if r["type"] == "delete" else r["data"], "canal": lambda r: None if r["type"] == "DELETE" else r["data"][0],
}
METADATA = {"mariadb": ("FULL", "MINIMAL", "NO_LOG"), "mysql": ("FULL", "MINIMAL"), "mysql-5.6": (None,)} # None: no such setting
STEP = 1000 # between the ids of a row and of its copies


def sinks():
    return "".join(f'      {f}:\n        file: {{path: "out/{f}/{{topic}}.ndjson", format: {f}}}\n' for f in FORMATS)


class Table:
    def __init__(self, name, columns, rng, rows):
        self.name, self.columns = name, columns
        self.rows = [[self.value(kind, row, rng) for kind in columns] for row in range(rows)]

    @staticmethod
    def value(kind, row, rng):
        if row < len(kind.values):
            return str(kind.values[row])
        return "NULL" if rng.random() < 0.15 else str(kind.more(rng) if kind.more else rng.choice(kind.values))

    def statements(self):
        columns = ", ".join(f"c{i} {kind.sql}" for i, kind in enumerate(self.columns))
        yield f"CREATE TABLE {self.name} (id INT PRIMARY KEY, {columns}) CHARACTER SET utf8mb4"
        for row, values in enumerate(self.rows, 1):
            yield f"INSERT INTO {self.name} VALUES ({row}, {', '.join(values)})"

    def copy(self, step):
        return f"INSERT INTO {self.name} SELECT id + {step}, {', '.join(f'c{i}' for i in range(len(self.columns)))} FROM {self.name} WHERE id < {STEP}"

    def answers(self, server):
        """id -> the bytes that the server answers for each column."""
        fields = ", ".join(kinds.ask(kind, f"c{i}") for i, kind in enumerate(self.columns))
        lines = server.sql("SET time_zone = '+00:00'", f"SELECT id, {fields} FROM types.{self.name} WHERE id < {STEP} ORDER BY id").split("\n")
        rows = [line.split("\t") for line in lines]
        return {int(row[0]): [kinds.answer(kind, cell) for kind, cell in zip(self.columns, row[1:])] for row in rows}


def deal(every, rng, width, rows):
    """All kinds, in random order, over tables of `width` columns."""
    rng.shuffle(every)
    return [Table(f"t{at // width}", every[at:at + width], rng, rows) for at in range(0, len(every), width)]


class Told:
    """What leat said of a table in each format: id -> row, as texts of numbers; and the raw lines of plain JSON."""

    def __init__(self, box, table):
        self.rows, self.before, self.raw = {}, {}, {}
        for name, of in FORMATS.items():
            path = box.path("out", name, f"types.{table.name}.ndjson")
            lines = open(path, encoding="utf-8").read().split("\n")[:-1] if os.path.exists(path) else []
            found = self.rows[name] = {}
            for line in lines:
                record = kinds.read_json(line)
                row = of(record)
                if row is not None:
                    found[int(row["id"])] = row
                if name == "native-json" and row is not None:
                    self.raw[int(row["id"])] = line
                if name == "native-json" and record["before"] is not None:
                    self.before[int(record["before"]["id"])] = record["before"]


def without_id(row):
    return [item for item in row.items() if item[0] != "id"]


def same_everywhere(table, told, steps):
    """Each copy of a row has the very text of the row that the snapshot read."""
    for name, rows in told.rows.items():
        for row in range(1, len(table.rows) + 1):
            first = without_id(rows.get(row, {}))
            if not first:
                yield f"{name} {table.name} row {row}: the snapshot does not have it"
            for what, step in steps.items():
                other = without_id(rows.get(row + step, {}))
                if other != first:
                    yield from (f"{name} {table.name} row {row} {what}: {a!r:.300}, snapshot {b!r:.300} ({table.columns[int(b[0][1:])]!r:.60})"
                                for a, b in zip(other or [("absent", None)] * len(first), first) if a != b)


def as_the_server_says(table, told, answers):
    for row, answer in answers.items():
        got = told.rows["native-json"].get(row, {})
        for i, (kind, bytes_) in enumerate(zip(table.columns, answer)):
            place = f"{table.name} row {row} c{i} {kind!r:.60} {table.rows[row - 1][i]:.60}"
            if kind.shape == "json" and bytes_ is not None:
                text = bytes_.decode().replace("\n", " ")
                if f'"c{i}":{text}' not in told.raw.get(row, ""):
                    yield f"{place}: {text:.200} is not in {told.raw.get(row, '')[:3000]}"
            elif f"c{i}" not in got or kinds.differs(kind, got[f"c{i}"], bytes_):
                yield f"{place}: {got.get(f'c{i}', 'absent')!r:.200}, the server says {bytes_!r:.200}"


def check(box, rng, charsets, width=25, rows=12):
    judge(box, box.shared, deal(kinds.all_kinds(box.shared, rng, charsets), rng, width, rows))


def judge(box, server, tables):
    server.sql("DROP DATABASE IF EXISTS types", "CREATE DATABASE types", "USE types", "SET sql_mode = '', time_zone = '+00:00'",
               *[text for table in tables for text in table.statements()])
    answers = [table.answers(server) for table in tables]
    box.write("shop.yaml", shop_yaml(server.port, tables='["types.*"]', sinks=sinks()))
    box.run("run", "--once", "shop.yaml", status=0, seconds=60)
    steps = {metadata: number * STEP for number, metadata in enumerate(METADATA.get(server.kind, METADATA[server.family]), 1)}
    for metadata, step in steps.items():
        if metadata:
            server.sql(f"SET GLOBAL binlog_row_metadata = {metadata}")
        server.sql("USE types", "SET sql_mode = '', time_zone = '+00:00'", *[table.copy(step) for table in tables])
        box.run("run", "--once", "shop.yaml", status=0, seconds=60)
    if metadata:
        server.sql("SET GLOBAL binlog_row_metadata = FULL")
    server.sql("USE types", *[f"DELETE FROM {table.name} WHERE id BETWEEN {STEP} AND {2 * STEP - 1}" for table in tables])
    box.run("run", "--once", "shop.yaml", status=0, seconds=60)
    problems = []
    for table, answer in zip(tables, answers):
        told = Told(box, table)
        problems += list(same_everywhere(table, told, steps)) + list(as_the_server_says(table, told, answer))
        problems += [f"{table.name} row {row} deleted: it is {told.before.get(row + STEP)!r:.300}, was {told.rows['native-json'].get(row + STEP)!r:.300}"
                     for row in answer if told.before.get(row + STEP) != told.rows["native-json"].get(row + STEP)]
    if problems:
        raise kit.Wrong(f"{len(problems)} differences\n" + "\n".join(problems[:60]))


def charsets_of(server):
    return server.sql("SELECT character_set_name FROM information_schema.character_sets WHERE character_set_name <> 'binary' ORDER BY 1").split()


def seeded(args, case):
    rng = random.Random(args.seed)
    return lambda box: case(box, rng)


def some_charsets(box, rng):
    check(box, rng, rng.sample(charsets_of(box.shared), 3))


def all_charsets(box, rng):
    check(box, rng, charsets_of(box.shared))


def many_tables(box, rng):
    for _ in range(8):
        check(box, rng, rng.sample(charsets_of(box.shared), 8), width=rng.choice([3, 10, 60]), rows=40)
        box.clean_up(False)
        box.__init__(box.leat, box.shared, "types")


@kit.only("mariadb")
def times_of_the_old_format(box, rng):
    """As before MySQL 5.6, and with fractions as only MariaDB had them: the log does not say how many digits."""
    server = box.server("--mysql56-temporal-format=OFF").start()
    server.user()
    every = [kind for kind in kinds.all_kinds(server, rng, []) if kind.shape in ("date", "time", "datetime", "timestamp")]
    judge(box, server, deal(every, rng, 8, 20))


def main():
    args = kit.arguments(("--server", {"choices": kit.KINDS, "default": "mariadb", "help": "what the cases share"}),
                         ("--seed", {"type": int, "default": random.randrange(10**6)}))
    print(f"seed {args.seed}", flush=True)
    known = (some_charsets, all_charsets, times_of_the_old_format, many_tables)
    with kit.folder(args.keep) as base:
        server = kit.Server(os.path.join(base, "db"), kind=args.server).start()
        try:
            server.user()
            kit.judge(args, {case.__name__: seeded(args, case) for case in known if kit.is_for(case, server)}, server)
        finally:
            server.stop("KILL")


if __name__ == "__main__":
    main()
