#!/usr/bin/env python3
"""How a MySQL source gets to its server: TLS, client certificates, passwords of every kind, the unix socket, grants."""
import os
import subprocess

import kit
from kit import has, same, shop_yaml

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


if __name__ == "__main__":
    kit.main()
