#!/usr/bin/env python3
"""Where a MySQL source is, and whether it may go on from there: GTIDs, starts, gaps, other servers."""
import json

import kit
from kit import has, same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"


def ids(box, table="orders", ops="c"):
    return [r["after"]["id"] for r in box.lines(OUT.format(table)) if r["op"] in ops]


def position(box):
    lines = box.run("offsets", "show", "shop", "--format", "json", status=0).stdout.splitlines()
    return {json.dumps(e["key"]): e["value"] for e in map(json.loads, lines)}['"binlog"']


def case_the_position_tells_what_the_server_has_executed(box):
    server = box.shared
    box.write("shop.yaml", shop_yaml(server.port))
    box.run("run", "shop.yaml", "--once", status=0)
    server.sql("INSERT INTO shop.orders VALUES (10, 'x')", "FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (11, 'x')")
    box.run("run", "shop.yaml", "--once", status=0)
    executed = server.sql("SELECT @@gtid_current_pos" if server.is_mariadb else "SELECT @@gtid_executed").replace("\\n", "")
    same(position(box)["gtid"], executed, "GTIDs")
    same(position(box)["server"], server.sql("SELECT @@server_id" if server.is_mariadb else "SELECT @@server_uuid"))
    server.sql("INSERT INTO shop.orders VALUES (12, 'x')")
    box.run("run", "shop.yaml", "--once", status=0)
    same(ids(box), [10, 11, 12])
    same([None in [r["source"]["gtid"] for r in box.lines(OUT.format("orders"))]], [False])


if __name__ == "__main__":
    kit.main()
