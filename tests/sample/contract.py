#!/usr/bin/env python3
"""`leat plugins test`: the sample connectors and built-in ones keep all laws, and of a plug-in that breaks one it is said which.

    contract.py --cmake CMAKE --build DIR --source DIR --cc CC --std STD --language c|c++ [CASE...]
"""
import re

import sample
from kit import has, lacks, same
from sample import add_lines, edit, records, wanted

LINES = 20000
BUILT_IN = """\
data: ./leat-data
pipelines:
  here:
    source:
      {source}
    sinks:
      out:
        {sink}
"""


def trial(box, status, kills=4, file="sample.yaml", reads="grep -v '^#' out.units"):
    return box.run("plugins", "test", file, "--reads", reads, "--kills", str(kills), status=status, seconds=90)


def lines(box):
    """Small batches, and many of them."""
    edit(box, "sample: lines.txt", "sample: {path: lines.txt, max_line: 1KiB}")
    add_lines(box, 1, LINES)


def broken(text):
    return re.findall(r"(?m)^  BROKEN +(.*)$", text)


def case_the_sample_keeps_all_laws(box):
    lines(box)
    done = trial(box, 0, kills=6)
    same(broken(done.stdout), [], "broken laws")
    has(done.stdout, r"(?m)^source sample \(trial\)$", r"(?m)^sink sample \(trial\.copy\)$", r"(?m)^topics oms:commitlog:",
        r"kept +stopped and killed wherever it be", r"kept +open\(\) finds the mark", r"kept +the target holds each record once")
    same(records(box) == wanted(LINES), True, "each line once, in order")


def case_built_in_ones_keep_all_laws(box):
    for name, source, sink, reads in (
            ("a", "toy: {count: 6000, topics: 1, writers: 1, rate: 8000}", 'file: {path: "a/{topic}.ndjson", format: native-json}',
             "cat a/*"),
            ("b", "tail: lines.txt", 'file: {path: "b/{topic}.ndjson", format: native-json, rotate_size: 64KiB}', "cat b/*")):
        box.write("lines.txt", "".join(f"line {n}\n" for n in range(LINES)))
        box.write(f"{name}.yaml", BUILT_IN.format(source=source, sink=sink).replace("leat-data", f"data-{name}"))
        done = trial(box, 0, kills=2, file=f"{name}.yaml", reads=reads)
        same(broken(done.stdout), [], "broken laws")
    box.write("ram.yaml", "topics: \"oms:memory:\"\n" + BUILT_IN.format(
        source="toy: {count: 100}", sink='file: {path: "ram/{topic}.ndjson", format: native-json}').replace("leat-data", "ram-data"))
    done = trial(box, None, kills=0, file="ram.yaml", reads="cat ram/*")
    has(done.stdout, r"(?m)^topics oms:memory:")
    lacks(done.stdout.split("sink file")[0], "BROKEN")


def spoilt(box, file, old, new, *laws):
    """The plug-in with one change breaks these laws."""
    sample.bench.spoil(box, file, old, new)
    lines(box)
    done = trial(box, None, kills=2)
    same(done.returncode != 0, True, f"exit status {done.returncode}")
    for law in laws:
        same([line for line in broken(done.stdout) if re.search(law, line)] != [], True, f"/{law}/ is broken in\n{done.both}")


def case_a_source_without_positions(box):
    spoilt(box, "source.c", "    set_position(self, batch);\n", "    (void)set_position;\n", r"has a position: batch 1 has \d+ records and no position",
           r"gives the same records, .*: undisturbed it gives 20000 records, disturbed")


def case_a_source_with_a_wrong_position(box):
    spoilt(box, "source.c", "leat_value_int(self->number);\n    struct leat_value position", "leat_value_int(self->number + 1);\n    struct leat_value position",
           r"gives the same records, .*record \d+ is another")


def case_a_source_that_says_again_and_gives(box):
    spoilt(box, "source.c", "*out = batch; /* ours no longer */\n    return LEAT_OK;", "*out = batch;\n    return LEAT_AGAIN;",
           r"poll\(\) hands out a batch when", r"no call ends the process: signal 6")


def case_a_source_that_crashes(box):
    spoilt(box, "source.c", "    set_position(self, batch);\n", "    set_position(self, batch);\n    if (self->number > 5000)\n"
           "        abort();\n", r"no call ends the process: signal 6 in poll\(\)")


def case_a_sink_that_settles_what_it_does_not_have(box):
    spoilt(box, "sink.c", "*done = self->synced;", "*done = self->written + 1;", r"settle\(\) names no batch that put\(\) did not take")


def case_a_sink_that_forgets_its_mark(box):
    spoilt(box, "sink.c", "        stored->items[i] = self->marks[i];", "        (void)stored;", r"open\(\) finds the mark .*: it finds no mark for trial/0")


def case_a_sink_that_promises_too_much(box):
    spoilt(box, "sink.c", "LEAT_TRANSACTIONAL | LEAT_KEEPS_MARK,", "LEAT_TRANSACTIONAL,", r"exactly-once is promised only where")


def case_a_sink_that_fails_without_a_word(box):
    spoilt(box, "sink.c", "    add_mark(self, batch); /*", "    static int calls;\n    if (++calls == 1)\n        return LEAT_RETRY;\n    add_mark(self, batch); /*",
           r"an error comes with a text: put\(\) says")


def case_only_a_new_directory_will_do(box):
    lines(box)
    box.write("leat-data/lock", "")
    has(trial(box, 3).stderr, "is there already; the contract suite begins with none")


if __name__ == "__main__":
    sample.main(globals(), __doc__)
