"""What the live tests share: a throw-away directory, a MariaDB, the built leat, waiting with a deadline, cases.

A test file defines functions named case_*(box) and ends with kit.main(). Each case gets its own Box (a directory, a
port, processes), which is cleaned up whatever happens. `FILE.py --leat BIN [CASE...]` runs all cases, or those named.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from ports import free_port  # noqa: E402
from redis import Redis  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = os.path.join(HERE, "..", "servers")
KINDS = ["mariadb", "mysql", "mariadb-11.8", "mysql-9.7", "mysql-5.6"] # scripts of tests/servers; the first two in every run
GRANTS = {"mariadb": "GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO leat@'%'",
          "mysql": "GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO leat@'%'"}
ROOT = ["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", "-uroot", "-N", "--default-character-set=utf8mb4"]


class Wrong(Exception):
    """What was asked is not so."""


def say_diff(what, is_so, text):
    if not is_so:
        raise Wrong(f"{what}\n----\n{text[-4000:]}\n----")


class Server:
    """One MariaDB, or MySQL, on its own port. Cases share it unless they break it."""

    def __init__(self, folder, *options, kind="mariadb"):
        self.folder, self.port, self.options, self.kind = folder, free_port(), list(options), kind
        self.script, self.family = os.path.join(SERVERS, kind), kind.split("-")[0]
        self.is_mariadb = self.family == "mariadb"
        self.is_up = False

    def start(self, *more):
        subprocess.run([self.script, "start", self.folder, str(self.port), *self.options, *more], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.is_up = True
        return self

    def stop(self, sign="TERM"):
        if self.is_up:
            subprocess.run([self.script, "stop", self.folder, sign], check=True, stdout=subprocess.DEVNULL)
            self.is_up = False

    def sql(self, *statements):
        text = ";\n".join(statements)
        done = subprocess.run([*ROOT, f"-P{self.port}"], input=text.encode(), capture_output=True)
        if done.returncode != 0:
            raise Wrong(f"SQL failed: {text[:500]}\n{done.stderr.decode()}{self.last_words(done.stderr)}")
        return done.stdout.decode(errors="surrogateescape").rstrip("\n")

    def last_words(self, error):
        """Of a server that is gone."""
        if b"ERROR 20" not in error:
            return ""
        with open(os.path.join(self.folder, "mysqld.err"), errors="replace") as file:
            return "the server's own log:\n" + file.read()[-3000:]

    def session(self, *statements):
        """A connection that stays open: what the statements lock is locked when this returns, until its close()."""
        return Session(self, statements)

    def user(self, name="leat", grants=None):
        """The account that leat uses; its password is water."""
        grants = GRANTS[self.family] if grants is None else grants
        gone = [f"GRANT USAGE ON *.* TO {name}@'%'", f"DROP USER {name}@'%'"] if self.kind == "mysql-5.6" else [f"DROP USER IF EXISTS {name}@'%'"]
        self.sql(*gone, f"CREATE USER {name}@'%' IDENTIFIED BY 'water'",
                 *([grants] if grants else []))

    def seq(self, last, first=1):
        """A table in a FROM: rows with seq = first .. last (less than a million); their order is the statement's business."""
        if self.is_mariadb:
            return f"seq_{first}_to_{last}"
        digits = [(f"d{i}", 10 ** i) for i in range(len(str(last)))]
        ten = "(" + " UNION ALL SELECT ".join(["SELECT 0 AS n", *map(str, range(1, 10))]) + ")"
        return (f"(SELECT {' + '.join(f'{d}.n * {worth}' for d, worth in digits)} AS seq FROM "
                f"{', '.join(f'{ten} AS {d}' for d, _ in digits)} HAVING seq BETWEEN {first} AND {last}) AS s")

    def reset_log(self):
        """RESET MASTER, as this server spells it."""
        return "RESET BINARY LOGS AND GTIDS" if self.kind == "mysql-9.7" else "RESET MASTER"

    def shop(self, rows=3):
        """A database with two tables, made anew."""
        self.sql("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", "USE shop",
                 "CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(40))",
                 "CREATE TABLE items (id INT PRIMARY KEY, what VARCHAR(40))",
                 *[f"INSERT INTO orders VALUES ({i}, 'order {i}')" for i in range(1, rows + 1)])


class Session:
    def __init__(self, server, statements):
        self.process = subprocess.Popen([*ROOT, f"-P{server.port}", "-n"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.run(*statements)

    def run(self, *statements):
        """Returns what they print."""
        self.process.stdin.write(";\n".join([*statements, "SELECT 'done so far'"]) + ";\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "done so far\n":
                return "".join(lines).rstrip("\n")
            lines.append(line)
        raise Wrong(f"the session ended: {''.join(lines)}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


class Daemon:
    """A leat that runs in the background; its output is one file."""

    def __init__(self, box, *args):
        self.log_path = box.path(f"leat-{len(box.daemons)}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([box.leat, *args], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            cwd=box.folder, start_new_session=True)
        self.pid = self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def says(self, pattern, seconds=60):
        """Waits until the log matches; returns the match."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.log())
            if found:
                return found
            if self.process.poll() is not None and not re.search(pattern, self.log()):
                raise Wrong(f"leat ended with {self.process.returncode} before it said /{pattern}/:\n{self.log()[-3000:]}")
            if time.monotonic() > deadline:
                raise Wrong(f"leat did not say /{pattern}/ within {seconds} s:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def ends(self, status, seconds=90):
        """Waits for its end, asks for the exit status, returns the log."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f"leat did not end within {seconds} s") from None
        if self.process.returncode != status:
            raise Wrong(f"leat ended with {self.process.returncode}, not {status}")
        return self.log()

    def stop(self, status=0):
        self.process.send_signal(signal.SIGTERM)
        return self.ends(status)

    def freeze(self):
        """Until all of its threads stand: one that is in a system call goes on to its end."""
        def state(thread):
            with open(f"/proc/{self.pid}/task/{thread}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0]
        self.process.send_signal(signal.SIGSTOP)
        wait("all threads to stand", lambda: all(state(thread) == "T" for thread in os.listdir(f"/proc/{self.pid}/task")))

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def clean_up(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Box:
    """The place of one case."""

    def __init__(self, leat, server, name):
        self.leat, self.shared = leat, server
        self.folder = tempfile.mkdtemp(prefix=f"leat-live-{name}-")
        self.daemons, self.servers = [], []

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), errors="replace") as file:
            return file.read()

    def lines(self, name):
        """The records of a file of one JSON object a line; [] while it is not there. A torn last line is not read."""
        if not os.path.exists(self.path(name)):
            return []
        return [json.loads(line) for line in self.read(name).split("\n")[:-1]]

    def server(self, *options, kind=None):
        """A server of this case's own, of the kind that the others share."""
        kind = kind or (self.shared.kind if self.shared else "mariadb")
        self.servers.append(Server(self.path(f"db{len(self.servers)}"), *options, kind=kind))
        return self.servers[-1]

    def redis(self, *options):
        """A Redis of this case's own."""
        self.servers.append(Redis(self.path(f"redis{len(self.servers)}"), *options))
        return self.servers[-1].start()

    def clone(self):
        """What a daemon holds, once more in clone/: for a second one, that takes itself for the first."""
        shutil.copytree(self.path("leat-data"), self.path("clone", "leat-data"),
                        ignore=shutil.ignore_patterns("admin.sock", "LOCK"))

    def run(self, *args, status=None, feed=None, seconds=15, cwd=None):
        """Runs leat to its end; returns what it did, with .both = stdout and stderr."""
        stdin = {"input": feed} if feed is not None else {"stdin": subprocess.DEVNULL}
        try:
            done = subprocess.run([self.leat, *args], capture_output=True, text=True, errors="replace", timeout=seconds,
                                  cwd=cwd or self.folder, **stdin)
        except subprocess.TimeoutExpired as late:
            said = ((late.stdout or b"") + (late.stderr or b"")).decode(errors="replace")
            raise Wrong(f"leat {' '.join(args)} did not end within {seconds} s:\n{said[-3000:]}") from None
        done.both = done.stdout + done.stderr
        if status is not None and done.returncode != status:
            raise Wrong(f"leat {' '.join(args)} ended with {done.returncode}, not {status}:\n{done.both[-3000:]}")
        return done

    def start(self, *args):
        self.daemons.append(Daemon(self, *args))
        return self.daemons[-1]

    def status(self, status=0):
        """What leat status tells, by connector; `status` None: {} while nobody answers."""
        lines = self.run("status", "--format", "json", status=status).stdout.splitlines()
        return {row["name"]: row for row in map(json.loads, lines)}

    def clean_up(self, is_kept):
        for daemon in self.daemons:
            daemon.clean_up()
        for server in self.servers:
            server.stop("KILL")
        if not is_kept:
            subprocess.run(["chmod", "-R", "u+rwx", self.folder], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(self.folder, ignore_errors=True)


def wait(what, condition, seconds=60):
    """Waits until condition() is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Wrong(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def has(text, *patterns):
    """Each regular expression must be found in text."""
    for pattern in patterns:
        say_diff(f"/{pattern}/ is not said:", re.search(pattern, text), text)


def lacks(text, *patterns):
    for pattern in patterns:
        say_diff(f"/{pattern}/ is said:", not re.search(pattern, text), text)


def same(got, wanted, what="value"):
    if got != wanted:
        raise Wrong(f"{what}: got\n  {got!r}\nwanted\n  {wanted!r}")


def in_order(seen, count):
    """0, 1, 2 ... as many as `count`; what is wrong is told in few words."""
    wrong = [(at, number) for at, number in enumerate(seen) if at != number][:5]
    same([len(seen), wrong], [count, []], "numbers, and the first that are out of place")


def shop_yaml(port, more="", user="leat", password="water", tables='["shop.*"]', sinks=None, source_more=""):
    """The pipeline file most cases use: shop into out/{topic}.ndjson."""
    sinks = sinks or '      archive:\n        file: {path: "out/{topic}.ndjson", format: debezium}\n'
    return f"""\
data: ./leat-data
pipelines:
  shop:
    source:
      mysql:
        host: 127.0.0.1
        port: {port}
        user: {user}
        password: {password}
        tables: {tables}
{source_more}{more}    sinks:
{sinks}"""


def only(*kinds):
    """@only("mariadb", "mysql-9.7"): the case is about these servers; a family stands for all of its kinds."""
    def mark(case):
        case.only = kinds
        return case
    return mark


def is_for(case, server):
    kinds = getattr(case, "only", None)
    return not (server and kinds) or server.kind in kinds or server.family in kinds


def cases():
    """Of the file that runs, by name."""
    return {name[5:]: value for name, value in vars(sys.modules["__main__"]).items() if name.startswith("case_")}


def arguments(*more):
    """The command line of the file that runs; `more`: (flag, settings) that it alone knows."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leat", required=True, type=os.path.abspath)
    for flag, settings in more:
        parser.add_argument(flag, **settings)
    parser.add_argument("--keep", action="store_true", help="keeps the directories of cases that fail")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    return parser.parse_args()


@contextlib.contextmanager
def folder(is_kept=False):
    """Where the servers live that the cases share; gone at the end, unless a case failed and it `is_kept`."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    base, has_failed = tempfile.mkdtemp(prefix="leat-live-"), False
    try:
        yield base
    except SystemExit as end:
        has_failed = end.code == 1
        raise
    finally:
        if not (has_failed and is_kept):
            shutil.rmtree(base, ignore_errors=True)


def judge(args, known, server=None, preset=None):
    """Runs those of the `known` cases that were asked for, else the `preset` ones, else all; ends: status 1 when one failed."""
    for name in [name for name in known if name not in args.cases and not is_for(known[name], server)]:
        print(f"not about {server.kind}: {name}", flush=True)
        del known[name]
    failed = [name for name in args.cases or (name for name in preset or known if name in known) if not one(name, known[name], args.leat, server, args.keep)]
    sys.exit(1 if failed else 0)


def main(needs_server=True):
    """Runs the cases of the file that runs."""
    args = arguments(("--server", {"choices": KINDS, "default": "mariadb", "help": "what the cases share"}))
    with folder(args.keep) as base:
        server = Server(os.path.join(base, "db"), kind=args.server).start() if needs_server else None
        try:
            if server:
                print(f"on {server.sql('SELECT version()')}", flush=True) # of 9.7 nobody else tells which it is
                server.user()
            judge(args, cases(), server)
        finally:
            if server:
                server.stop("KILL")


def one(name, case, leat, server, is_kept):
    box = Box(leat, server, name)
    begin, is_fine = time.monotonic(), False
    try:
        if server:
            server.shop()
        case(box)
        is_fine = True
    except Wrong as error:
        print(f"{name}: {error}", flush=True)
        for daemon in box.daemons:
            print(f"---- the end of what pid {daemon.pid} said\n{daemon.log()[-3000:]}", flush=True)
    except Exception: # the case itself broke: shown, and the others run
        traceback.print_exc()
    finally:
        box.clean_up(is_kept and not is_fine)
    where = f", kept in {box.folder}" if is_kept and not is_fine else ""
    print(f"{'ok    ' if is_fine else 'FAILED'} {name} ({time.monotonic() - begin:.1f} s){where}", flush=True)
    return is_fine
