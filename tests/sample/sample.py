#!/usr/bin/env python3
"""The sample connectors as a newcomer has them: installed headers, a copy outside of the tree, a build, a run.

    sample.py --cmake CMAKE --build DIR --source DIR --cc CC --std STD --language c|c++ [CASE...]

The daemon that runs is the installed one.
"""
import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import kit
from kit import has, lacks, same, wait

FLAGS = "-O2 -g -Wall -Wextra -Werror -pedantic"
ROUNDS = 20 # of a daemon that is killed


def make(folder, args, prefix):
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix, "lib", "pkgconfig"))
    return subprocess.run(["make", "-C", folder, f"CC={args.cc}", f"STD=-std={args.std}", f"LANGUAGE={args.language}",
                           f"CFLAGS={FLAGS}"], env=env, capture_output=True, text=True)


def install(args, prefix):
    env = {name: value for name, value in os.environ.items() if name != "DESTDIR"}
    subprocess.run([args.cmake, "--install", args.build, "--prefix", prefix], env=env, check=True, capture_output=True)
    for path in ("bin/leat", "include/leat/plugin.h", "lib/pkgconfig/leat.pc"):
        if not os.path.exists(os.path.join(prefix, path)):
            raise SystemExit(f"`cmake --install` put down no {path}")


class Bench:
    """What cases share: the installed program, the sources, the plug-in that was built of them."""

    def __init__(self, args, base):
        self.args, self.prefix = args, os.path.join(base, "prefix")
        self.folder = os.path.join(base, "sample")
        install(args, self.prefix)
        shutil.copytree(os.path.join(args.source, "connectors", "sample"), self.folder)
        done = make(self.folder, args, self.prefix)
        if done.returncode != 0 or "warning" in done.stderr:
            raise SystemExit(f"the sample does not build:\n{done.stdout}{done.stderr}")

    def put(self, box):
        """The pipeline and the plug-in in a case's folder."""
        shutil.copy(os.path.join(self.folder, "sample.so"), box.folder)
        shutil.copy(os.path.join(self.folder, "sample.yaml"), box.folder)
        box.write("lines.txt", "")

    def spoil(self, box, file, old, new):
        """A plug-in with one change in its source."""
        shutil.copytree(self.folder, box.path("src"), ignore=shutil.ignore_patterns("*.so"))
        with open(box.path("src", file)) as source:
            text = source.read()
        if old not in text:
            raise kit.Wrong(f"{file} has no {old!r}")
        box.write(f"src/{file}", text.replace(old, new, 1))
        done = make(box.path("src"), self.args, self.prefix)
        same(done.returncode, 0, f"make: {done.stderr}")
        shutil.copy(box.path("src", "sample.so"), box.folder)


bench = None
SOURCES = "static const struct leat_source_type *const sources[] = {&sample_source, NULL};"
BROKEN = """\
static enum leat_status fine(void *self, struct leat_task *task, const struct leat_positions *from, struct leat_error *err)
{
    (void)self, (void)task, (void)from, (void)err;
    return LEAT_OK;
}
static const struct leat_source_type broken = {sizeof(struct leat_source_type), 0, "broken", "It has no poll.", 8, NULL,
                                               NULL, NULL, NULL, fine, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
static const struct leat_source_type *const sources[] = {&sample_source, &broken, NULL};
"""


def edit(box, old, new):
    text = box.read("sample.yaml")
    if old not in text:
        raise kit.Wrong(f"sample.yaml has no {old!r}")
    box.write("sample.yaml", text.replace(old, new))


# ---- the headers ----


def case_headers(box):
    """Each public header stands alone, and uses nothing beyond the language. Also what a macro expands to."""
    include = os.path.join(bench.prefix, "include")
    for name in sorted(os.listdir(os.path.join(include, "leat"))):
        text = f"#include <leat/{name}>\n"
        if name == "task.h":
            text += "struct leat_time never(void);\nstruct leat_time never(void)\n{\n    return LEAT_NEVER;\n}\n"
        done = subprocess.run([bench.args.cc, "-x", bench.args.language, f"-std={bench.args.std}", *FLAGS.split(), "-I", include,
                               "-fsyntax-only", "-"], input=text, capture_output=True, text=True)
        same((done.returncode, done.stderr), (0, ""), name)


# ---- what is said of it ----


def case_listed(box):
    listed = box.run("plugins", "-f", "sample.yaml", status=0).stdout
    has(listed, r"(?m)^source +sample ", r"(?m)^sink +sample ")
    lacks(box.run("plugins", status=0).stdout, r"\bsample\b")
    has(box.run("plugins", "-f", "sample.yaml", "sample", status=0).stdout, r"max_line .*default 1MiB", r"sync .*100ms")
    box.run("check", "sample.yaml", status=0)


def case_did_you_mean(box):
    edit(box, "sync: 100ms", "snyc: 100ms")
    has(box.run("check", "sample.yaml", status=3).both, r'sample\.yaml:11:35: error: .*"snyc"', r'did you mean "sync"')
    edit(box, "snyc: 100ms", "sync: soon")
    has(box.run("check", "sample.yaml", status=3).both, r"sample\.yaml:11:41: error: .*soon")
    edit(box, "sync: soon", "sync: 1s")
    edit(box, "sample: lines.txt", "sampel: lines.txt")
    has(box.run("check", "sample.yaml", status=3).both, r'sample\.yaml:8:7: error: .*"sampel"', r'did you mean "sample"')


# ---- plug-ins that are wrong ----


def case_other_abi(box):
    bench.spoil(box, "plugin.c", "    LEAT_ABI,", "    LEAT_ABI + 98,")
    for args in (("check", "sample.yaml"), ("run", "sample.yaml"), ("plugins", "-f", "sample.yaml")):
        has(box.run(*args, status=3).stderr, r"/sample\.so: plug-in sample was built for plug-in ABI 99, this leat has 1")


def case_missing_function(box):
    """Said by name; of a plug-in of another ABI that is not what is said."""
    declare = ('#include "sample.h"\n#ifdef __cplusplus\nextern "C"\n#endif\nvoid leat_gone(void);\n')
    bench.spoil(box, "source.c", '#include "sample.h"\n', declare)
    text = box.read("src/source.c").replace("    free(self->chunk);", "    leat_gone();\n    free(self->chunk);")
    box.write("src/source.c", text)
    same(make(box.path("src"), bench.args, bench.prefix).returncode, 0, "make")
    shutil.copy(box.path("src", "sample.so"), box.folder)
    has(box.run("check", "sample.yaml", status=3).stderr, r"/sample\.so.*undefined symbol: leat_gone")
    box.write("src/plugin.c", box.read("src/plugin.c").replace("    LEAT_ABI,", "    LEAT_ABI + 98,"))
    same(make(box.path("src"), bench.args, bench.prefix).returncode, 0, "make")
    shutil.copy(box.path("src", "sample.so"), box.folder)
    has(box.run("check", "sample.yaml", status=3).stderr, r"/sample\.so: plug-in sample was built for plug-in ABI 99")


def case_incomplete(box):
    bench.spoil(box, "plugin.c", SOURCES, BROKEN)
    has(box.run("check", "sample.yaml", status=3).stderr, r'/sample\.so: the source "broken" has no poll\(\)')


def case_shorter_table(box):
    """A table without its last member, as of an older version: that counts as NULL, and here it is needed."""
    bench.spoil(box, "sink.c", "    sizeof(struct leat_sink_type),", "    offsetof(struct leat_sink_type, close),")
    has(box.run("check", "sample.yaml", status=3).stderr, r'the sink "sample" has no close\(\)')


def case_no_plugin(box):
    box.write("sample.so", "text")
    has(box.run("check", "sample.yaml", status=3).stderr, r"sample\.so")
    os.rename(box.path("sample.so"), box.path("sample.txt"))
    has(box.run("check", "sample.yaml", status=3).both, r'"sample"')
    edit(box, "plugin_path: [.]", "plugin_path: [nowhere]")
    has(box.run("check", "sample.yaml", status=3).stderr, r"nowhere")


# ---- running ----


def records(box):
    if not os.path.exists(box.path("out.units")):
        return []
    return [line for line in box.read("out.units").split("\n")[:-1] if not line.startswith("#")]


def wanted(count):
    return [f'{{"number":{n},"line":"line {n}"}}' for n in range(1, count + 1)]


def add_lines(box, first, count):
    with open(box.path("lines.txt"), "a") as file:
        file.write("".join(f"line {n}\n" for n in range(first, first + count)))


def size(box):
    return os.path.getsize(box.path("out.units")) if os.path.exists(box.path("out.units")) else 0


def tear(box, draw):
    """What a power cut may leave: half a unit, or a last unit with a hole and its mark."""
    if draw.random() < 0.5:
        with open(box.path("out.units"), "ab") as file:
            file.write(b'{"number":1,"line":"torn"}\n{"numb')
        return
    with open(box.path("out.units"), "r+b") as file:
        text = file.read()
        last = text.rstrip(b"\n").rfind(b"\n#", 0, text.rstrip(b"\n").rfind(b"\n#")) + 1  # of the mark before
        at = text.find(b"\n", last) + 1
        file.seek(at)
        file.write(b"\0" * 8)


def case_kills(box):
    draw, total, torn, halfway = random.Random(7), 0, 0, 0
    edit(box, "sample: lines.txt", "sample: {path: lines.txt, interval: 1ms}")
    for round_number in range(ROUNDS):
        until = size(box) + draw.randrange(1, 300000)
        daemon = box.start("run", "sample.yaml")
        deadline = time.monotonic() + 30
        while size(box) < until and time.monotonic() < deadline: # many small units, and some large ones
            count = 1 if draw.random() < 0.2 else draw.randrange(1, 1000)
            add_lines(box, total + 1, count)
            total += count
            time.sleep(draw.random() / 200)
        add_lines(box, total + 1, 5000) # so that even a fast daemon dies with work before it
        total += 5000
        if round_number % 2:
            time.sleep(draw.random() / 200)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        halfway += len(records(box)) < total
        if round_number % 3 == 2:
            tear(box, draw)
            torn += 1
    print(f"       {total} lines, {halfway} of {ROUNDS} kills in the middle", flush=True)
    same(halfway > 0, True, "kills in the middle")
    daemon = box.start("run", "sample.yaml")
    wait("all records", lambda: len(records(box)) >= total)
    add_lines(box, total + 1, 10)  # while it runs
    wait("the last records", lambda: len(records(box)) >= total + 10)
    daemon.stop()
    same(records(box) == wanted(total + 10), True, "each line once, in order")
    said = "".join(d.log() for d in box.daemons)
    same(len(re.findall(r"bytes that have no mark", said)) >= torn, True, "cuts that were said")
    before = box.read("out.units")
    box.run("run", "--once", "sample.yaml", status=0)
    same(box.read("out.units") == before, True, "nothing comes again")


def case_once(box):
    """--once ends where the file ended; a line without its end waits for it."""
    box.write("lines.txt", "line 1\nline 2\nline")
    box.run("run", "--once", "sample.yaml", status=0)
    same(records(box), wanted(2), "records")
    box.write("lines.txt", "line 1\nline 2\nline 3\n")
    box.run("run", "--once", "sample.yaml", status=0)
    same(records(box), wanted(3), "records")


def case_errors(box):
    edit(box, "sample: lines.txt", "sample: {path: lines.txt, max_line: 16B}")
    box.write("lines.txt", "line 1\n" + "x" * 20 + "\n")
    has(box.run("run", "--once", "sample.yaml", status=1).stderr, r"line 2 is longer than max_line, 16 bytes")
    box.write("lines.txt", "")
    has(box.run("run", "--once", "sample.yaml", status=1).stderr, r"lines\.txt has 0 bytes, and 7 were read already")
    os.remove(box.path("out.units"))  # the data directory knows that there was a mark
    has(box.run("run", "--once", "sample.yaml", status=1).stderr, r"holds no mark")


def case_second_writer(box):
    add_lines(box, 1, 3)
    daemon = box.start("run", "sample.yaml")
    wait("records", lambda: len(records(box)) == 3)
    box.write("other.yaml", box.read("sample.yaml").replace("./leat-data", "./other-data"))
    has(box.run("run", "--once", "other.yaml", status=6).stderr, r"out\.units: another sink writes it")
    daemon.stop()


def case_parallel(box):
    edit(box, "sample: {path: out.units, sync: 100ms}", "sample: {path: out.units}\n        parallel: 2")
    done = box.run("run", "--once", "sample.yaml")
    has(done.both, r"parallel")
    same(done.returncode in (1, 3), True, f"exit status {done.returncode}: {done.both}")


def case_page(box):
    """The commands of docs/add-a-connector.md, but for the build of Leat itself, which is there already."""
    with open(os.path.join(bench.args.source, "docs", "add-a-connector.md")) as page:
        blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", page.read())
    blocks = [block for block in blocks if not block.startswith("cmake -S")]
    same(len(blocks), 3, "blocks of commands")
    os.symlink(bench.prefix, box.path("leat"))
    script = f"set -ex\ncd '{bench.args.source}'\n" + "".join(blocks)
    done = subprocess.run(["bash", "-c", script], env=dict(os.environ, HOME=box.folder), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    same(done.returncode, 0, f"exit status; {done.stdout}{done.stderr}")
    has(done.stderr, r"cutting 16 bytes that have no mark")
    same(done.stdout.splitlines()[-9:], wanted(9), "what the last command prints")


def main(cases, about):
    """Runs cases on the sample plug-in; `cases`: name -> function(box)."""
    global bench
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cmake", "build", "source", "cc", "std", "language"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    base, failed, begin = tempfile.mkdtemp(prefix="leat-sample-"), 0, time.monotonic()
    try:
        bench = Bench(args, base)
        print(f"installed and built ({time.monotonic() - begin:.1f} s)", flush=True)

        def with_plugin(case):
            def run(box):
                bench.put(box)
                case(box)
            return run

        leat = os.path.join(bench.prefix, "bin", "leat")
        cases = {name[5:]: case for name, case in cases.items() if name.startswith("case_")}
        for name in args.cases or cases:
            failed += not kit.one(name, with_plugin(cases[name]), leat, None, False)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(globals(), __doc__)
