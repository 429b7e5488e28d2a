#!/usr/bin/env python3
"""How a MySQL source gets to its server: TLS, client certificates, passwords of every kind, the unix socket, grants."""
import os
import re
import subprocess
import time

import kit
from kit import has, lacks, same, shop_yaml, wait
from mysql_positions import replicate
from proxy import Proxy

OUT = "out/shop.orders.ndjson"


def certificates(folder):
    """CAs ca and other; s: the server at 127.0.0.1; c: a client."""
    new = "-newkey rsa:2048 -nodes"
    subprocess.run(f"""set -e
openssl req -x509 {new} -days 2 -subj "/CN=our ca" -keyout ca.key -out ca.crt
openssl req -x509 {new} -days 2 -subj "/CN=another ca" -keyout other.key -out other.crt
openssl req {new} -subj /CN=db -keyout s.key -out s.csr
openssl req {new} -subj /CN=leat -keyout c.key -out c.csr
echo "subjectAltName=IP:127.0.0.1" >names
openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out s.crt
openssl x509 -req -in c.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out c.crt
chmod 644 *.key""", shell=True, check=True, capture_output=True, cwd=folder)


def secure_server(box):
    certificates(box.folder)
    os.chmod(box.folder, 0o755)
    server = box.server(*(f"--ssl-{kind}={box.path(name)}" for kind, name in (("ca", "ca.crt"), ("cert", "s.crt"), ("key", "s.key")))).start()
    server.user()
    server.shop()
    return server


def runs(box, server, more, user="leat", password="water", host="127.0.0.1"):
    """One --once with its own data directory; what it says."""
    subprocess.run(["rm", "-rf", box.path("leat-data"), box.path("out")], check=True)
    lines = "".join(f"        {line}\n" for line in more)
    box.write("shop.yaml", shop_yaml(server.port, user=user, password=password, source_more=lines).replace("host: 127.0.0.1", f"host: {host}"))
    done = box.run("run", "shop.yaml", "--once")
    same(done.returncode in (0, 1), True, done.both)
    return len(box.lines(OUT)) == 3, done.both


def works(box, server, *more, **how):
    is_fine, said = runs(box, server, more, **how)
    kit.say_diff(f"it does not work with {more} {how}:", is_fine, said)


def fails(box, server, words, *more, **how):
    """Not at the first try; the one after it is a second later, and not waited for."""
    lines = "".join(f"        {line}\n" for line in more)
    box.write("shop.yaml", shop_yaml(server.port, user=how.get("user", "leat"), password=how.get("password", "water"),
                                     source_more=lines).replace("host: 127.0.0.1", f"host: {how.get('host', '127.0.0.1')}"))
    has(box.run("check", "shop.yaml", "--connect", status=1).both, words)


def case_tls(box):
    server = secure_server(box)
    server.sql("CREATE USER locked@'%' IDENTIFIED BY 'water' REQUIRE SSL", kit.GRANTS[server.family].replace("leat@", "locked@"),
               "CREATE USER known@'%' IDENTIFIED BY 'water' REQUIRE X509", kit.GRANTS[server.family].replace("leat@", "known@"))
    ours = ["ssl_ca: ca.crt", "ssl_cert: c.crt", "ssl_key: c.key"]
    works(box, server, "ssl: preferred", user="locked")
    works(box, server, user="locked")
    works(box, server, "ssl: required", user="locked")
    works(box, server, "ssl: verify", "ssl_ca: ca.crt", user="locked")
    works(box, server, "ssl: verify", *ours, user="known")
    fails(box, server, "look at `user` and `password`.*`ssl`", "ssl: off", user="locked")
    fails(box, server, "(?i)certificate", "ssl: verify", "ssl_ca: other.crt")
    fails(box, server, "(?i)certificate|name", "ssl: verify", "ssl_ca: ca.crt", host="localhost")
    fails(box, server, "look at `user` and `password`", "ssl: required", user="known")


def case_a_server_without_tls(box):
    off = {"mariadb": "--skip-ssl", "mysql": "--tls-version="}[box.shared.family]
    server = box.server(off).start()
    server.user()
    server.shop()
    works(box, server, "ssl: preferred")
    fails(box, server, "SSL|TLS", "ssl: required")


def has_plugin(server, name):
    return server.sql(f"SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_name = '{name}'") == "1"


def can_install(server, name):
    try:
        server.sql(f"INSTALL SONAME '{name}'")
    except kit.Wrong:
        return False
    return True


def case_passwords_of_every_kind(box):
    """Each with TLS, and without, where the password must not be seen on the way: by the server's public key."""
    server = secure_server(box)
    if server.is_mariadb:
        kinds = {"mysql_native_password": "IDENTIFIED VIA mysql_native_password USING PASSWORD('water')"}
        if has_plugin(server, "ed25519") or can_install(server, "auth_ed25519"):
            kinds["ed25519"] = "IDENTIFIED VIA ed25519 USING PASSWORD('water')"
    else:
        kinds = {name: f"IDENTIFIED WITH {name} BY 'water'" for name in
                 ("caching_sha2_password", "sha256_password", "mysql_native_password") if has_plugin(server, name)}
    for number, (kind, identified) in enumerate(kinds.items()):
        for mode in ("off", "required"):  # each its own user, as caching_sha2_password remembers who was there
            user = f"u{number}{mode}"
            server.sql(f"CREATE USER {user}@'%' {identified}", kit.GRANTS[server.family].replace("leat@", f"{user}@"))
            works(box, server, f"ssl: {mode}", user=user)
            fails(box, server, "Access denied|look at `user`", f"ssl: {mode}", user=user, password="wine")
    wanted = {"mysql_native_password"} if server.is_mariadb else {"caching_sha2_password", "sha256_password"}
    same(set(kinds) >= wanted, True, str(kinds))


def case_the_unix_socket(box):
    server = box.server().start()
    server.user()
    server.sql("DROP USER leat@'%'", "CREATE USER leat@'localhost' IDENTIFIED BY 'water'",
               kit.GRANTS[server.family].replace("leat@'%'", "leat@'localhost'"))
    server.shop()
    works(box, server, f"socket: {server.folder}/mysqld.sock")
    fails(box, server, "no server answers there", f"socket: {server.folder}/nothing.sock")


def case_the_grants_that_the_check_asks_for_are_enough(box):
    """A user without any, who is given exactly what is printed, and nothing else."""
    server = box.server().start()
    server.shop()
    server.sql("CREATE USER leat@'%' IDENTIFIED BY 'water'")
    box.write("shop.yaml", shop_yaml(server.port))
    given = []
    while True:
        done = box.run("check", "shop.yaml", "--connect")
        wanted = [line for line in re.findall(r"run: (GRANT [^;\n]*?'%')", done.both) if line not in given]
        if not wanted:
            break
        server.sql(*wanted)
        given += wanted
    same(done.returncode, 0, done.both)
    same(len(given) in (2, 3), True, str(given))
    lacks(" ".join(given), "ALL PRIVILEGES", "SUPER")
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    server.sql("INSERT INTO shop.orders VALUES (10, 'x')", "ALTER TABLE shop.orders ADD COLUMN more INT", "INSERT INTO shop.orders VALUES (11, 'x', 1)")
    wait("both", lambda: [r["after"]["id"] for r in box.lines(OUT)] == [1, 2, 3, 10, 11])
    daemon.stop()
    box.run("run", "shop.yaml", "--once", status=0)


# ---- readers of one log, and links that die ----

def case_a_server_id_that_another_reader_has(box):
    server = box.server().start()
    server.user()
    server.sql("GRANT REPLICATION MASTER ADMIN ON *.* TO leat@'%'" if server.is_mariadb else "SELECT 1")
    server.shop()
    box.write("one.yaml", shop_yaml(server.port, source_more="        server_id: 4711\n        heartbeat: 500ms\n").replace("leat-data", "data-one").replace("out/", "out-one/"))
    one = box.start("run", "one.yaml")
    one.says("streaming")
    two = box.start("run", write_two(box, server, 4711))
    two.says("another reader of its log has the `server_id` 4711")
    lacks(one.log(), "lost the connection|threw us out")
    one.stop()
    two.says("streaming")
    two.stop()
    own = box.start("run", write_two(box, server, server.sql("SELECT @@server_id"), "own"))
    own.says("is the server's own")
    daemons = [box.start("run", write_two(box, server, 0, name)) for name in ("three", "four")]
    for daemon in daemons:
        daemon.says("streaming")
        daemon.stop()


def write_two(box, server, number, name="two"):
    return box.write(f"{name}.yaml", shop_yaml(server.port, source_more=f"        server_id: {number}\n        heartbeat: 500ms\n").replace("leat-data", f"data-{name}").replace("out/", f"out-{name}/"))


@kit.only("mariadb", "mariadb-11.8")
def case_a_server_id_that_another_reader_takes(box):
    """A MySQL tells its readers apart by their UUIDs, where they have one."""
    server = box.server().start()
    server.user()
    server.shop()
    daemon = box.start("run", write_two(box, server, 4711))
    daemon.says("streaming")
    thief = box.server("--server-id=4711").start()
    if not server.is_mariadb:
        thief.sql(thief.reset_log())
    replicate(server, thief)
    has(daemon.ends(1), "another reader connected with our `server_id`, and the server threw us out.*leave `server_id` out")


def case_a_link_that_goes_silent(box):
    """Nothing comes and nothing ends: three heartbeats, and another connection."""
    server = box.shared
    proxy = Proxy(server.port).start()
    box.write("shop.yaml", shop_yaml(proxy.port, source_more="        heartbeat: 500ms\n"))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    proxy.freeze()
    server.sql("INSERT INTO shop.orders VALUES (10, 'x')")
    daemon.says("lost the connection to the binary log|does not answer within `connect_timeout`|at 'handshake")
    proxy.thaw()
    wait("the row", lambda: [r["after"]["id"] for r in box.lines(OUT) if r["op"] == "c"] == [10])
    daemon.stop()
    proxy.stop()


def case_a_reader_that_is_slow_is_not_thrown_out(box):
    """Frozen with more to come than any buffer holds, for longer than the server's own patience."""
    server = box.server("--net-write-timeout=1").start()
    server.user()
    server.shop()
    server.sql("USE shop", "CREATE TABLE big (id INT PRIMARY KEY, t MEDIUMTEXT)")
    box.write("shop.yaml", shop_yaml(server.port))
    daemon = box.start("run", "shop.yaml")
    daemon.says("streaming")
    daemon.freeze()
    server.sql("USE shop", *[f"INSERT INTO big VALUES ({n}, REPEAT('x', 1000000))" for n in range(40)])
    time.sleep(4)
    daemon.thaw()
    wait("all rows", lambda: len(box.lines("out/shop.big.ndjson")) == 40)
    lacks(daemon.stop(), "lost the connection", "trying again")


if __name__ == "__main__":
    kit.main()
