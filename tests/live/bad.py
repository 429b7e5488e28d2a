#!/usr/bin/env python3
"""What goes wrong around a live MariaDB: each case asks for the exit status, and for a text with cause and next step."""
import os
import time

import kit
from kit import has, lacks, same, shop_yaml, wait

OUT = "out/shop.orders.ndjson"


def ids(box, name=OUT):
    """The ids of the records in a file, in order, since the last truncate (a snapshot that begins anew says one)."""
    found = []
    for record in box.lines(name):
        found = [] if record["op"] == "t" else found + [(record["after"] or record["before"])["id"]]
    return found


# ---- the server ----


def case_wrong_password(box):
    box.write("shop.yaml", shop_yaml(box.shared.port, password="wine"))
    done = box.run("run", "shop.yaml", status=1)
    has(done.stderr, r"shop: ", r"Access denied for user 'leat'@", r"(?i)password")
    lacks(done.both, "wine")
    has(box.run("check", "--connect", "shop.yaml", status=1).both, r"Access denied for user 'leat'@")
    lacks(box.run("check", "--connect", "shop.yaml").both, "wine")


def case_server_comes_later(box):
    server = box.server().start()
    server.user()
    server.shop()
    server.stop()
    box.write("shop.yaml", shop_yaml(server.port))
    has(box.run("check", "--connect", "shop.yaml", status=1).both, rf"127\.0\.0\.1:{server.port}")
    daemon = box.start("run", "shop.yaml")
    daemon.says(rf"127\.0\.0\.1:{server.port}")
    daemon.says(r"(?i)again|retry")
    server.start()
    daemon.says("streaming", 40)
    wait("the snapshot in the file", lambda: ids(box) == [1, 2, 3])
    daemon.stop()


def case_server_without_binlog(box):
    server = box.server("--skip-log-bin").start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    for args, status in ((("run",), 1), (("check", "--connect"), 1)):
        has(box.run(*args, "shop.yaml", status=status).both, r"(?i)log[-_]bin", r"(?i)restart|\[mysqld\]|\[mariadb\]|option")


def case_binlog_format_statement(box):
    server = box.server("--binlog-format=STATEMENT").start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    for args in (("run",), ("check", "--connect")):
        has(box.run(*args, "shop.yaml", status=1).both, r"binlog_format", r"STATEMENT", r"SET GLOBAL binlog_format *= *'?ROW")
    server.sql("SET GLOBAL binlog_format=ROW")
    box.run("check", "--connect", "shop.yaml", status=0)
    box.run("run", "--once", "shop.yaml", status=0)


def case_binlog_row_image_minimal(box):
    server = box.server("--binlog-row-image=MINIMAL").start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    for args in (("run", "--once"), ("check", "--connect")):
        has(box.run(*args, "shop.yaml", status=0).both, r"binlog_row_image is MINIMAL", r"SET GLOBAL binlog_row_image = FULL")


def case_each_grant_that_is_printed_works(box):
    """Begins with no grant at all, runs every GRANT that is printed, until leat works."""
    box.shared.user("poor", grants="")
    box.write("shop.yaml", shop_yaml(box.shared.port, user="poor"))
    ran = []
    for _ in range(6):
        done = box.run("run", "--once", "shop.yaml")
        if done.returncode == 0:
            break
        same(done.returncode, 1, "exit status")
        checked = box.run("check", "--connect", "shop.yaml", status=1)
        grants = kit.re.findall(r"GRANT [^;\n]*? TO [^;\s]+", done.both)
        kit.say_diff("no GRANT is printed:", grants, done.both)
        same([g for g in grants if g in ran], [], "grants printed twice")
        kit.say_diff("check --connect prints another GRANT:", all(g in checked.both for g in grants), checked.both)
        for grant in grants:
            box.shared.sql(grant)
            ran.append(grant)
    else:
        raise kit.Wrong(f"still not enough: {ran}")
    same(ids(box), [1, 2, 3], "snapshot")
    box.run("check", "--connect", "shop.yaml", status=0)
    same(len(ran) <= 3, True, f"rounds ({ran})")
    box.shared.sql("DROP USER poor@'%'")


def case_no_table_matches(box):
    box.write("shop.yaml", shop_yaml(box.shared.port, tables='["shop.ordres"]'))
    for args in (("run",), ("check", "--connect")):
        has(box.run(*args, "shop.yaml", status=1).both, r"shop\.ordres")


def case_table_without_primary_key(box):
    box.shared.sql("USE shop", "CREATE TABLE loose (a INT, b INT)", "INSERT INTO loose VALUES (1, 2), (1, 2)")
    box.write("shop.yaml", shop_yaml(box.shared.port))
    done = box.run("run", "--once", "shop.yaml", status=0)
    has(done.both, r"shop\.loose.*(no|without a) (primary )?key")
    has(box.run("check", "--connect", "shop.yaml", status=0).both, r"shop\.loose.*(no|without a) (primary )?key")
    box.shared.sql("UPDATE shop.loose SET b = 3", "DELETE FROM shop.loose LIMIT 1")
    box.run("run", "--once", "shop.yaml", status=0)
    same([r["op"] for r in box.lines("out/shop.loose.ndjson")], ["r", "r", "u", "u", "d"], "changes")


# ---- what is on this side ----


def case_output_directory_unwritable(box):
    if os.geteuid() == 0: # root may write everywhere: a file in place of the directory is what root runs into
        box.write("out", "I am a file")
    else:
        os.mkdir(box.path("out"), 0o500)
    box.write("shop.yaml", shop_yaml(box.shared.port))
    done = box.run("run", "--once", "shop.yaml", status=1)
    has(done.both, r"shop\.archive: ", r"out/", r"Not a directory|Permission denied")


def case_second_daemon(box):
    box.write("shop.yaml", shop_yaml(box.shared.port))
    first = box.start("run", "shop.yaml")
    first.says("streaming")
    for args in (("run", "shop.yaml"), ("run", "--once", "shop.yaml")):
        has(box.run(*args, status=4).both, r"leat-data", rf"\b{first.pid}\b")
    first.stop()


def case_two_sinks_one_file(box):
    sinks = "".join(f"      {name}:\n        file: {{path: out/all.ndjson, format: debezium}}\n" for name in ("one", "two"))
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks=sinks))
    for args in (("check",), ("run", "--once")):
        done = box.run(*args, "shop.yaml", status=3)
        has(done.both, r"sinks shop\.one and shop\.two write to one file, out/all\.ndjson", r"a file of its own")
    box.write("shop.yaml", shop_yaml(box.shared.port, sinks=sinks.replace("out/all.ndjson", '"out/{database}.ndjson"')))
    done = box.run("run", "--once", "shop.yaml") # the records decide: found when both open it
    same(done.returncode, 6, f"exit status; refused:\n{done.both}\n")
    has(done.both, r"shop\.(one|two): ", r"out/\.shop\.ndjson\.leat", r"another sink", r"path")


def case_wrong_yaml(box):
    box.write("shop.yaml", shop_yaml(box.shared.port).replace("tables:", "tabels:"))
    for args in (("run",), ("check",), ("check", "--connect")):
        done = box.run(*args, "shop.yaml", status=3)
        has(done.both, r'shop\.yaml:10:9: error: unknown option "tabels" for source mysql', r'did you mean "tables"\?')
    box.write("shop.yaml", "pipelines: {shop: [")
    has(box.run("run", "shop.yaml", status=3).both, r"shop\.yaml:\d+:\d+: error: ")
    has(box.run("run", "nowhere.yaml", status=3).both, r"nowhere\.yaml", r"No such file")


# ---- scripts ----


def lua_yaml(box, script, policy=None, more_sinks=""):
    box.write("fix.lua", script)
    errors = f"    errors: {{policy: {policy}}}\n" if policy else ""
    sinks = '      archive:\n        file: {path: "out/{topic}.ndjson", format: debezium}\n' + more_sinks
    box.write("shop.yaml", shop_yaml(box.shared.port, more="    transforms:\n      - lua: fix.lua\n" + errors, sinks=sinks))


BREAKS_ON_2 = """function transform(record)
  local row = record.value or record.before
  if row.id == 2 then
    error("two is not liked")
  end
end
"""


def case_lua_unknown_function(box):
    lua_yaml(box, 'leat.nosuch("x")\nfunction transform(record) end\n')
    done = box.run("run", "shop.yaml")
    same(done.returncode in (1, 3), True, f"exit status {done.returncode}:\n{done.both}\n")
    has(done.both, r"fix\.lua:1\b", r"nosuch")
    lua_yaml(box, "function transform(record)\n  return nosuch(record)\nend\n")
    has(box.run("run", "--once", "shop.yaml", status=1).both, r"fix\.lua:2\b", r"nosuch")


def case_lua_syntax(box):
    lua_yaml(box, "function transform(record)\n  if then\nend\n")
    for verb in ("run", "check"):
        has(box.run(verb, "shop.yaml", status=3).both, r"fix\.lua:2\b")


def case_lua_error_stop(box):
    lua_yaml(box, BREAKS_ON_2)
    done = box.run("run", "--once", "shop.yaml", status=1)
    has(done.both, r"fix\.lua:4\b", r"two is not liked", r"shop\.orders", r"dead_letter|skip")
    box.write("fix.lua", "function transform(record) end\n")
    box.run("run", "--once", "shop.yaml", status=0)
    same(ids(box), [1, 2, 3], "nothing lost, nothing twice, after the script was mended")


def case_lua_error_dead_letter(box):
    lua_yaml(box, BREAKS_ON_2, "dead_letter")
    done = box.run("run", "--once", "shop.yaml", status=0)
    same(ids(box), [1, 3], "records that are left")
    has(done.both, r"(?i)dead", r"two is not liked")
    dead = box.run("read", "shop.dead", status=0).stdout
    same(len(dead.splitlines()), 1, f"dead letters ({dead})")
    has(dead, r"two is not liked", r"fix\.lua:4")


def case_lua_error_skip(box):
    lua_yaml(box, BREAKS_ON_2, "skip")
    done = box.run("run", "--once", "shop.yaml", status=0)
    same(ids(box), [1, 3], "records that are left")
    has(done.both, r"(?i)skipped", r"two is not liked")


def case_lua_loops(box):
    lua_yaml(box, BREAKS_ON_2.replace('error("two is not liked")', "while true do end"), "dead_letter")
    box.run("run", "--once", "shop.yaml", status=0, seconds=50)
    same(ids(box), [1, 3], "records that are left")
    has(box.run("read", "shop.dead", status=0).stdout, r"(?i)fix\.lua", r"(?i)instructions|too long|limit|time|budget")


# ---- while it streams ----


def case_server_restarts(box):
    server = box.server().start()
    server.user()
    server.shop(0)
    box.write("shop.yaml", shop_yaml(server.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    for sign in ("TERM", "KILL"):
        first = len(ids(box))
        server.sql(*[f"INSERT INTO shop.orders VALUES ({first + i}, 'x')" for i in range(50)])
        server.stop(sign)
        time.sleep(0.3) # the loss is seen; not needed for what is asked
        server.start()
        server.sql(*[f"INSERT INTO shop.orders VALUES ({first + 50 + i}, 'y')" for i in range(50)])
        wait("the rows of before and after", lambda: len(ids(box)) == first + 100, 40)
    same(ids(box), list(range(200)), "ids, in order")
    has(daemon.log(), r"(?i)127\.0\.0\.1:\d+.*(again|retry)|(again|retry).*")
    daemon.stop()


def case_binlog_purged(box):
    server = box.server().start()
    server.user()
    server.shop()
    box.write("shop.yaml", shop_yaml(server.port))
    box.run("run", "--once", "shop.yaml", status=0)
    server.sql("INSERT INTO shop.orders VALUES (4, 'lost')", "FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
    last = server.sql("SHOW MASTER STATUS").split("\t")[0]
    # The server keeps a log while a reader that has gone still counts: asked until it is gone.
    wait("the purge", lambda: server.sql(f"PURGE BINARY LOGS TO '{last}'", "SHOW BINARY LOGS").startswith(last))
    for args in (("run", "--once"), ("run",)):
        done = box.run(*args, "shop.yaml", status=1)
        has(done.both, r"(?i)purged|no longer")
    command = kit.re.search(r"leat offsets (reset|forget) shop(?: --data \S+)?", done.both)
    kit.say_diff("the command that resolves it is not said:", command, done.both)
    box.run(*command.group(0).split()[1:], status=0)
    box.run("run", "--once", "shop.yaml", status=0)
    same(sorted(ids(box))[-1], 4, "the new snapshot brings what was lost")


if __name__ == "__main__":
    kit.main()
