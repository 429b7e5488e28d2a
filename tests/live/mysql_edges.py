#!/usr/bin/env python3
"""What a MySQL source must get right at the edges of what servers, tables and statements can be."""
import kit
from kit import same, shop_yaml, wait

OUT = "out/shop.{}.ndjson"


def ids(box, table, op, part="after"):
    return [r[part]["id"] for r in box.lines(OUT.format(table)) if r["op"] == op]


def case_more_tables_in_one_statement_than_the_cache_has_slots(box):
    count = 270
    body = " ".join(f"INSERT INTO t{i} VALUES (NEW.id);" for i in range(1, count))
    box.shared.sql("USE shop", *[f"CREATE TABLE t{i} (id INT PRIMARY KEY)" for i in range(count)],
                   f"DELIMITER //\nCREATE TRIGGER all_of_them AFTER INSERT ON t0 FOR EACH ROW BEGIN {body} END//\nDELIMITER ;\nSELECT 1")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    box.shared.sql("INSERT INTO shop.t0 VALUES (7)")
    wait("the last table", lambda: ids(box, f"t{count - 1}", "c") == [7])
    same([ids(box, f"t{i}", "c") for i in range(count)], [[7]] * count)
    daemon.stop()


if __name__ == "__main__":
    kit.main()
