#!/usr/bin/env python3
"""What Debezium 3.5 made of a script over all column types, recorded, against what format debezium makes of it here.

scripts/test --corpus DIR: DIR/debezium has the script and the recording; without it this exits with 77. Where we are other
than Debezium on purpose stands in as_ours().
"""
import json
import os
import sys

import kit
from kit import shop_yaml, wait

FOLDER = os.path.join(os.environ.get("LEAT_CORPUS", ""), "debezium")
MODE = '      out:\n        file: {path: "out/{topic}.ndjson", keys: true, format: {debezium: {bigint_unsigned: long}}}\n'


def recorded(name):
    with open(os.path.join(FOLDER, name)) as file:
        return [json.loads(line) for line in file]


def as_ours(row, is_stream):
    """BOOLEAN is TINYINT(1), a number, in the stream as in a snapshot; a TIMESTAMP that is the column's default has no other
    spelling than the rest; YEAR 0 is 0, not 1900; a FLOAT of a snapshot has all of its digits."""
    if row and is_stream and row.get("b1") is not None:
        row["b1"] = int(row["b1"])
    if row and row.get("ts_def", "").endswith(".000Z"):
        row["ts_def"] = row["ts_def"][:-5] + "Z"
    if row and row.get("y") == 1900:
        row["y"] = 0
    if row and row.get("f") == -3.40282e+38:
        row["f"] = -3.4028235e+38
    return row


def shown(line, is_stream):
    value = line["value"]
    if value is None:
        return {"key": line["key"], "value": None}
    return {"key": line["key"], "op": value["op"], "table": value["source"]["table"], "db": value["source"]["db"],
            "before": as_ours(value["before"], is_stream), "after": as_ours(value["after"], is_stream)}


def compare(box, name, is_stream):
    wanted = [shown(line, is_stream) for line in recorded(name)]
    tables = {line.get("table", "types") for line in wanted}

    def got():
        lines = [line for table in sorted(tables) for line in box.lines(f"out/shop.{table}.ndjson")]
        return [shown(line, False) for line in lines if not (line["value"] and line["value"]["op"] == "t")]
    wait("as many records", lambda: len(got()) == len(wanted))
    by_table = [line for table in sorted(tables) for line in wanted if line.get("table", "types") == table]
    problems = []
    for ours, theirs in zip(got(), by_table):
        for part in theirs:
            if ours[part] != theirs[part] and isinstance(theirs[part], dict) and isinstance(ours[part], dict):
                problems += [f"{theirs['key']} {part}.{column}: {ours[part].get(column)!r:.80}, Debezium: {value!r:.80}"
                             for column, value in theirs[part].items() if ours[part].get(column) != value]
                problems += [f"{theirs['key']} {part}: {sorted(set(ours[part]) - set(theirs[part]))} more"] * (
                    set(ours[part]) != set(theirs[part]))
            elif ours[part] != theirs[part]:
                problems.append(f"{theirs['key']} {part}: {ours[part]!r:.80}, Debezium: {theirs[part]!r:.80}")
    if problems:
        raise kit.Wrong("\n".join(problems))


def script():
    with open(os.path.join(FOLDER, "sample-types.sql")) as file:
        return file.read()


def case_streamed(box):
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks=MODE, source_more="        snapshot: never\n        tombstones: true\n"))
    box.start("run", "shop.yaml").says("streaming")
    box.shared.sql("USE shop", "SET time_zone = '+00:00'", script())
    compare(box, "sample-types.ndjson", True)


def case_by_snapshot(box):
    box.shared.sql("DROP TABLE shop.orders, shop.items", "USE shop", "SET time_zone = '+00:00'", script())
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks=MODE))
    box.start("run", "shop.yaml").says("streaming")
    compare(box, "sample-types.snapshot.ndjson", False)


if __name__ == "__main__":
    if not os.path.isdir(FOLDER):
        sys.exit(77)
    kit.main()
