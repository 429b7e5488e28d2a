#!/usr/bin/env python3
"""Where a MySQL source is, and whether it may go on from there: GTIDs, starts, gaps, other servers."""
import json
import os
import shutil
import threading
import time

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
    same(None in [r["source"]["gtid"] for r in box.lines(OUT.format("orders")) if r["op"] == "c"], False, "a GTID of None")


# ---- where a new source begins ----

def starts_at(box, name, port, start, wanted):
    """A new data directory each."""
    more = f"        snapshot: never\n        start: {json.dumps(start)}\n"
    sinks = f'      archive:\n        file: {{path: "{name}/{{topic}}.ndjson", format: debezium}}\n'
    box.write(f"{name}.yaml", shop_yaml(port, source_more=more, sinks=sinks).replace("leat-data", f"data-{name}"))
    box.run("run", f"{name}.yaml", "--once", status=0)
    same([r["after"]["id"] for r in box.lines(f"{name}/shop.orders.ndjson")], wanted, f"rows from {start} on")


def case_a_new_source_begins_where_it_is_told(box):
    server = box.server().start()
    server.user()
    server.sql(server.reset_log())
    server.shop(rows=2)
    gtids = server.sql("SELECT @@gtid_current_pos" if server.is_mariadb else "SELECT @@gtid_executed").replace("\\n", "")
    file, pos = place(server)
    server.sql("INSERT INTO shop.orders VALUES (3, 'x')")
    noon = server.sql("SELECT UNIX_TIMESTAMP()")
    wait("the next second", lambda: server.sql("SELECT UNIX_TIMESTAMP()") > noon)
    middle = server.sql("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')")
    server.sql("INSERT INTO shop.orders VALUES (4, 'x')", "FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (5, 'x')",
               "FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
    starts_at(box, "earliest", server.port, "earliest", [1, 2, 3, 4, 5])
    starts_at(box, "place", server.port, f"{file}:{pos}", [3, 4, 5])
    starts_at(box, "gtids", server.port, gtids, [3, 4, 5])
    starts_at(box, "time", server.port, middle, [4, 5])
    starts_at(box, "current", server.port, "current", [])
    server.sql("INSERT INTO shop.orders VALUES (6, 'x')")
    for name, ids_now in (("place", [3, 4, 5, 6]), ("time", [4, 5, 6]), ("current", [6]), ("earliest", [1, 2, 3, 4, 5, 6])):
        box.run("run", f"{name}.yaml", "--once", status=0)
        same([r["after"]["id"] for r in box.lines(f"{name}/shop.orders.ndjson")], ids_now, f"{name}: the next")


def place(server):
    word = "SHOW BINARY LOG STATUS" if server.kind == "mysql-9.7" else "SHOW MASTER STATUS"
    return server.sql(word).split("\t")[:2]


def case_a_start_that_is_no_place(box):
    server = box.shared
    file, pos = place(server)
    server.sql("INSERT INTO shop.orders VALUES (3000, 'x')")
    def refused(start, status, words, more="        snapshot: never\n"):
        box.write("shop.yaml", shop_yaml(server.port, source_more=f"{more}        start: {json.dumps(start)}\n"))
        has(box.run("run", "shop.yaml", "--once", status=status).both, words)
    refused("soon", 3, "is none of earliest, current")
    refused("earliest", 3, "add .snapshot: never", "")
    refused("nowhere.000001:4", 1, "it has no such file")
    refused(f"{file}:{int(pos) + 1}", 1, "no event begins there")
    refused("2001-01-01T00:00:00Z", 1, "oldest binary log begins at 2")
    refused("0-99-12345678" if server.is_mariadb else "00000000-0000-0000-0000-000000000001:1-7", 1,
            "is not a place in its history: .*it lacks")


# ---- gaps: what the position tells is no place any more ----

def table_of(box, table="orders"):
    """What the file's records make of the table: replayed, they are it."""
    rows = {}
    for record in box.lines(OUT.format(table)):
        if record["op"] == "t":
            rows = {}
        elif record["op"] == "d":
            del rows[record["before"]["id"]]
        else:
            rows[record["after"]["id"]] = record["after"]["what"]
    return rows


def stops_and_then_fills(box, server, words):
    """By default it stops and says why; with on_gap: snapshot the topic is the table again."""
    box.write("shop.yaml", shop_yaml(server.port))
    has(box.run("run", "shop.yaml", "--once", status=1).both, f"{words}.*leat offsets reset shop")
    box.write("shop.yaml", shop_yaml(server.port, source_more="        on_gap: snapshot\n"))
    has(box.run("run", "shop.yaml", "--once", status=0).both, words, "all tables are read anew")
    wanted = dict(line.split("\t") for line in server.sql("SELECT id, what FROM shop.orders").splitlines())
    same({str(k): v for k, v in table_of(box).items()}, wanted, "the table")
    server.sql("INSERT INTO shop.orders VALUES (999, 'next')")
    kit.lacks(box.run("run", "shop.yaml", "--once", status=0).both, "read anew")
    same(ids(box)[-1], 999)


def gap_server(box, *more):
    server = box.server().start()
    server.user()
    server.shop()
    server.sql(*more)
    box.write("shop.yaml", shop_yaml(server.port))
    box.run("run", "shop.yaml", "--once", status=0)
    return server


def case_a_gap_of_purged_logs(box):
    server = gap_server(box)
    server.sql("DELETE FROM shop.orders WHERE id = 1", "INSERT INTO shop.orders VALUES (10, 'x')", "FLUSH BINARY LOGS",
               "INSERT INTO shop.orders VALUES (11, 'x')", "FLUSH BINARY LOGS")
    server.sql(f"PURGE BINARY LOGS TO '{place(server)[0]}'")
    stops_and_then_fills(box, server, "its log no longer has .*purged")


def case_a_gap_of_reset_master(box):
    server = gap_server(box)
    server.sql("UPDATE shop.orders SET what = 'y'")
    server.sql(server.reset_log())
    server.sql("INSERT INTO shop.orders VALUES (10, 'x')")
    stops_and_then_fills(box, server, "not the one that was read.*it lacks")


def case_a_gap_ends_what_was_parked(box):
    """All tables are read anew behind it: so is the parked one, and it stays so."""
    server = gap_server(box, "USE shop", "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET latin1)")
    server.sql("SET GLOBAL binlog_row_metadata = MINIMAL", "USE shop", "ALTER TABLE t CONVERT TO CHARACTER SET DEFAULT",
               "INSERT INTO t VALUES (1, 'x')", "ALTER TABLE t CHANGE a what VARCHAR(9)")
    has(box.run("run", "shop.yaml", "--once", status=0).both, "table shop.t is parked: ")
    server.sql(server.reset_log())
    box.write("shop.yaml", shop_yaml(server.port, source_more="        on_gap: snapshot\n"))
    has(box.run("run", "shop.yaml", "--once", status=0).both, "all tables are read anew")
    same(table_of(box, "t"), {1: "x"})
    kit.lacks(box.run("offsets", "show", "shop", status=0).stdout, "parked")
    server.sql("INSERT INTO shop.t VALUES (2, 'y')")
    kit.lacks(box.run("run", "shop.yaml", "--once", status=0).both, "table shop.t is parked")
    same(table_of(box, "t"), {1: "x", 2: "y"})


def case_a_gap_of_a_restored_backup(box):
    server = box.server().start()
    server.user()
    server.shop()
    server.stop()
    shutil.copytree(os.path.join(server.folder, "data"), box.path("backup"), symlinks=True)
    server.start()
    box.write("shop.yaml", shop_yaml(server.port))
    server.sql(*[f"INSERT INTO shop.orders VALUES ({n}, 'lost')" for n in range(10, 15)])
    box.run("run", "shop.yaml", "--once", status=0)
    server.stop("KILL")
    shutil.rmtree(os.path.join(server.folder, "data"))
    shutil.copytree(box.path("backup"), os.path.join(server.folder, "data"), symlinks=True)
    server.start()
    server.sql("INSERT INTO shop.orders VALUES (20, 'restored')")
    stops_and_then_fills(box, server, "not the one that was read")


@kit.only("mysql", "mysql-9.7")
def case_a_transaction_that_is_sent_before_it_is_committed(box):
    """A semi-synchronous MySQL waits between the two for its replicas: what leat has is not in gtid_executed."""
    server = gap_server(box)
    server.sql("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
               "SET GLOBAL rpl_semi_sync_source_timeout = 600000, GLOBAL rpl_semi_sync_source_enabled = ON")
    box.write("shop.yaml", shop_yaml(server.port, source_more="        heartbeat: 1s\n        on_gap: snapshot\n"))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    held = threading.Thread(target=server.sql, args=["INSERT INTO shop.orders VALUES (100, 'held')"])
    held.start()
    wait("its row", lambda: ids(box) == [100])
    time.sleep(4)  # some looks at the server's history
    daemon.stop()
    daemon = box.start("run", "shop.yaml")
    daemon.says("has not committed yet")
    server.sql("SET GLOBAL rpl_semi_sync_source_enabled = OFF", "INSERT INTO shop.orders VALUES (101, 'next')")
    wait("the next row", lambda: ids(box) == [100, 101])
    kit.lacks(daemon.log(), "read anew|not the one that was read")
    daemon.stop()
    held.join()


def case_a_gap_of_another_server_behind_the_address(box):
    server = gap_server(box)
    server.stop("KILL")
    other = box.server()
    other.port = server.port
    other.start("--server-id=77")
    other.user()
    other.shop(rows=1)
    stops_and_then_fills(box, other, "another server than the one that was read")


# ---- two servers, one replicates the other ----

def replicate(primary, replica):
    if primary.is_mariadb:
        replica.sql(f"CHANGE MASTER TO master_host='127.0.0.1', master_port={primary.port}, master_user='root', "
                    "master_connect_retry=1, master_use_gtid=slave_pos", "START SLAVE")
    else:
        replica.sql(f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={primary.port}, SOURCE_USER='root', "
                    "SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1", "START REPLICA")


def pair(box, *of_replica):
    """A primary and its replica, with the shop and leat's user on both."""
    options = ["--log-slave-updates=1", "--skip-slave-start=1"] if box.shared.is_mariadb else []
    primary = box.server(*options, "--server-id=11").start()
    replica = box.server(*options, "--server-id=12", *of_replica).start()
    if not primary.is_mariadb:
        for server in (primary, replica):
            server.sql(server.reset_log())
    replicate(primary, replica)
    primary.user()
    primary.shop()
    return primary, replica


def caught_up(primary, replica):
    if primary.is_mariadb:
        place = primary.sql("SELECT @@gtid_binlog_pos")
        same(replica.sql(f"SELECT MASTER_GTID_WAIT('{place}', 60)"), "0", "the replica's wait")
    else:
        executed = primary.sql("SELECT @@gtid_executed").replace("\\n", "")
        same(replica.sql(f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 60)"), "0", "the replica's wait")


def promote(replica):
    replica.sql(*(("STOP SLAVE", "RESET SLAVE ALL") if replica.is_mariadb else ("STOP REPLICA", "RESET REPLICA ALL")))


def hosts(*servers):
    names = ", ".join(f'"127.0.0.1:{server.port}"' for server in servers)
    return f"        hosts: [{names}]\n"


def case_the_primary_dies_and_the_replica_takes_over(box):
    primary, replica = pair(box)
    box.write("shop.yaml", shop_yaml(1, source_more=hosts(primary, replica)))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for n in range(100, 160):
        primary.sql(f"INSERT INTO shop.orders VALUES ({n}, 'x')", *(["FLUSH BINARY LOGS"] if n % 20 == 0 else []))
    caught_up(primary, replica)
    primary.stop("KILL")
    promote(replica)
    replica.sql("FLUSH BINARY LOGS", *[f"INSERT INTO shop.orders VALUES ({n}, 'x')" for n in range(160, 200)])
    wait("the last row", lambda: 199 in ids(box))
    same(ids(box), list(range(100, 200)))
    has(daemon.log(), "is another server .* goes on there by GTID")
    daemon.stop()
    same(position(box)["server"], "12" if replica.is_mariadb else replica.sql("SELECT @@server_uuid"))
    primary.start()  # it comes back as a replica, and the replica goes
    replicate(replica, primary)
    caught_up(replica, primary)
    replica.stop("KILL")
    promote(primary)
    primary.sql("INSERT INTO shop.orders VALUES (200, 'x')")
    box.run("run", "shop.yaml", "--once", status=0)
    same(ids(box), list(range(100, 201)))


def case_a_replica_that_lags_is_waited_for(box):
    primary, replica = pair(box)
    box.write("shop.yaml", shop_yaml(1, source_more=hosts(primary, replica)))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    caught_up(primary, replica)
    held = replica.session("LOCK TABLES shop.orders READ")
    primary.sql("INSERT INTO shop.orders VALUES (100, 'x')", "INSERT INTO shop.orders VALUES (101, 'x')")
    wait("both rows", lambda: ids(box) == [100, 101])
    wait("the replica to have them", lambda: has_received(primary, replica))
    primary.stop("KILL")
    daemon.says("it is a replica that has not reached us yet")
    held.close()
    daemon.says("is another server .* goes on there by GTID")
    promote(replica)
    replica.sql("INSERT INTO shop.orders VALUES (102, 'x')")
    wait("the next row", lambda: 102 in ids(box))
    same(ids(box), [100, 101, 102])
    daemon.stop()


def has_received(primary, replica):
    """All of the primary's log is in the replica's relay log."""
    word = "SHOW SLAVE STATUS" if primary.is_mariadb else "SHOW REPLICA STATUS"
    status = replica.sql(word).split("\t")
    file, pos = place(primary)
    return status[5:7] == [file, pos]


def case_transactions_that_died_with_the_old_primary(box):
    primary, replica = pair(box)
    box.write("shop.yaml", shop_yaml(1, source_more=hosts(primary, replica)))
    box.run("run", "shop.yaml", "--once", status=0)
    caught_up(primary, replica)
    promote(replica)
    primary.sql("INSERT INTO shop.orders VALUES (100, 'lost')")
    box.run("run", "shop.yaml", "--once", status=0)
    primary.stop("KILL")
    replica.sql(*[f"INSERT INTO shop.orders VALUES ({n}, 'x')" for n in range(101, 105)])
    box.write("shop.yaml", shop_yaml(1, source_more=hosts(replica)))
    has(box.run("run", "shop.yaml", "--once", status=1).both,
        "another server than the one that was read.*lacks transactions that are in the topic: .*leat offsets reset shop")
    same(ids(box), [100])


@kit.only("mysql", "mysql-9.7")  # a MariaDB takes the file to be there by and by
def case_a_gap_that_only_one_of_two_servers_has(box):
    """Its GTIDs tell nothing of it: a file of its log is gone. The other one goes on."""
    primary, replica = pair(box)
    more = hosts(primary, replica) + "        on_gap: snapshot\n"
    box.write("shop.yaml", shop_yaml(1, source_more=more))
    box.run("run", "shop.yaml", "--once", status=0)
    primary.sql("INSERT INTO shop.orders VALUES (100, 'x')", "FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (101, 'x')")
    log = os.path.join(primary.folder, "data", place(primary)[0])
    primary.sql("FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (102, 'x')")
    caught_up(primary, replica)
    os.rename(log, log + ".gone")
    daemon = box.start("run", "shop.yaml")
    wait("the last row", lambda: 102 in ids(box))
    same(ids(box), [100, 101, 102])
    has(daemon.log(), "is another server .* goes on there by GTID")
    kit.lacks(daemon.log(), "read anew")
    daemon.stop()


def case_a_failover_within_a_transaction(box):
    """On the other server the transaction lies elsewhere, in events that are cut otherwise."""
    count = 60000
    primary, replica = pair(box, "--binlog-row-event-max-size=1024")
    primary.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t CHAR(40))", "CREATE TABLE other (id INT PRIMARY KEY, t CHAR(40))")
    box.write("shop.yaml", shop_yaml(1, tables="[shop.big]", source_more=hosts(primary, replica)))
    box.run("run", "shop.yaml", "--once", status=0)
    replica.sql("FLUSH BINARY LOGS")
    inserts = [f"INSERT INTO {table} SELECT {first} + seq - 1, REPEAT('x', 40) FROM {primary.seq(1000)}"
               for first in range(1, count, 1000) for table in ("other", "big")]
    primary.sql("USE shop", "BEGIN", *inserts, "COMMIT", "INSERT INTO big VALUES (0, 'last')")
    caught_up(primary, replica)
    stop_within_a_transaction(box)
    primary.stop("KILL")
    promote(replica)
    box.run("run", "shop.yaml", "--once", status=0, seconds=60)
    kit.in_order(sorted(ids(box, "big")), count + 1)
    same(ids(box, "big")[-1], 0, "the row behind the transaction")
    same("within" in position(box), False)


def stop_within_a_transaction(box):
    """Kills leat until it stands within one."""
    shutil.copytree(box.path("leat-data"), box.path("before"))
    shutil.copytree(box.path("out"), box.path("out-before"))
    for delay_ms in range(0, 400, 4):
        for name in ("leat-data", "out"):
            shutil.rmtree(box.path(name))
        shutil.copytree(box.path("before"), box.path("leat-data"))
        shutil.copytree(box.path("out-before"), box.path("out"))
        daemon = box.start("run", "shop.yaml")
        daemon.says("shop: mysql leat@")
        time.sleep(delay_ms / 1000)
        daemon.process.kill()
        daemon.process.wait()
        if "within" in position(box):
            return
    raise kit.Wrong("no kill came within the transaction")


def case_another_transaction_under_the_same_gtid(box):
    """The guard: what is passed over must be what was taken."""
    server = box.server().start()
    server.user()
    server.shop()
    server.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t CHAR(40))")
    box.write("shop.yaml", shop_yaml(server.port, tables="[shop.big]"))
    box.run("run", "shop.yaml", "--once", status=0)
    server.sql("USE shop", "BEGIN", *[f"INSERT INTO big SELECT {first} + seq - 1, REPEAT('x', 40) FROM {server.seq(1000)}"
                                      for first in range(1, 60000, 1000)], "COMMIT")
    stop_within_a_transaction(box)
    lines = box.run("offsets", "show", "shop", "--format", "json", status=0).stdout.splitlines()
    entry = next(e for e in map(json.loads, lines) if e["key"] == "binlog")
    entry["value"]["within"]["crc"] ^= 1
    box.run("offsets", "set", "shop", json.dumps(entry["key"]), json.dumps(entry["value"]), status=0)
    has(box.run("run", "shop.yaml", "--once", status=1).both, "those of this server are others.*leat offsets reset")


if __name__ == "__main__":
    kit.main()
