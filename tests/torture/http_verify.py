"""What http_run.py checks in the end, and the proof that this check sees faults.

Both judges count in the same words: lost, doubled, reordered, torn, different (other than it was sent), phantom (never
sent); `examples` says where.
"""
import collections
import glob
import gzip
import json
import os
import shutil
import struct

from http_sides import checksum
from toy_run import crc32c, parts


class Found:
    def __init__(self):
        self.counts, self.examples, self.there = collections.Counter(), [], 0

    def add(self, what, where):
        self.counts[what] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{what}: {where}")


def judge_files(out, sent):
    """The lines of the file sink, against what each client sent: NAME -> per number "acknowledged" or "abandoned"."""
    found, seen = Found(), {name: set() for name in sent}
    newest = collections.defaultdict(lambda: -1)
    for topic, paths in parts(out).items():
        for path in paths:
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
                for place, line in enumerate(file):
                    judge_line(line, topic, f"{path}:{place + 1}", sent, seen, newest, found)
    for name, states in sent.items():
        for number, state in enumerate(states):
            if state == "acknowledged" and number not in seen[name]:
                found.add("lost", f"{name}-{number}")
    return found


def judge_line(line, topic, where, sent, seen, newest, found):
    try:
        row = json.loads(line)
        name, number, pad, total = row["client"], row["number"], row["pad"], row["sum"]
    except (ValueError, KeyError, TypeError):
        return found.add("torn", where)
    found.there += 1
    if name not in sent or not 0 <= number < len(sent[name]):
        return found.add("phantom", where)
    if total != checksum(name, number, pad) or topic != f"in.t{name % 3}":
        found.add("different", where)
    if number in seen[name]:
        found.add("doubled", where)
    seen[name].add(number)
    if sent[name][number] == "acknowledged":  # only then the client waited with the next one
        if number < newest[name]:
            found.add("reordered", where)
        newest[name] = max(newest[name], number)


def judge_journal(path, rows):
    """What the receiver took, KEY and body a line in order of arrival, repetitions among them: `rows` rows of toy."""
    found, bodies = Found(), {}
    newest = collections.defaultdict(lambda: -1)
    of_writer = collections.defaultdict(set)
    with open(path, "rb") as file:
        for place, line in enumerate(file):
            key, _, body = line.rstrip(b"\n").partition(b"\t")
            if key in bodies:
                if bodies[key] != body:
                    found.add("different", f"{path}:{place + 1}: the key came with another body")
                continue
            bodies[key] = body
            judge_arrival(body, f"{path}:{place + 1}", newest, of_writer, found)
    missing = 0
    for writer, numbers in of_writer.items():
        for number in set(range(max(numbers) + 1)) - numbers:
            found.add("lost", f"row {number} of writer {writer}")
            missing += 1
    if found.there + missing < rows:
        found.counts["lost"] += rows - found.there - missing
    for _ in range(rows, found.there):
        found.add("phantom", "more rows than there are")
    return found


def judge_arrival(body, where, newest, of_writer, found):
    try:
        row = json.loads(body)
        writer, seq, lane = row["writer"], row["seq"], (row["writer"], row["id"])
    except (ValueError, KeyError, TypeError):
        return found.add("torn", where)
    data = struct.pack("<IQQQII", writer, seq, row["id"], row["tx"], row["tx_size"], row["row"])
    if crc32c(data + row["payload"].encode()) != row["crc"]:
        found.add("different", where)
    if seq in of_writer[writer]:
        return found.add("doubled", f"{where}: under another key")
    found.there += 1
    of_writer[writer].add(seq)
    if seq < newest[lane]:
        found.add("reordered", where)
    newest[lane] = max(newest[lane], seq)


# ---- planted faults ----


def swap(lines):
    """Two of one client change places."""
    client = json.loads(lines[0])["client"]
    mine = [i for i, line in enumerate(lines) if json.loads(line)["client"] == client]
    lines[mine[0]], lines[mine[1]] = lines[mine[1]], lines[mine[0]]


def replace(old, new):
    def change(lines):
        for i, line in enumerate(lines):
            if old in line:
                lines[i] = line.replace(old, new, 1)
                return
        raise SystemExit(f"nothing to plant: there is no {old}")
    return change


def other_key(lines):
    key, _, body = lines[3].partition(b"\t")
    lines.insert(4, key + b"9999999\t" + body)


def repeat_other(lines):
    lines.append(lines[3].replace(b'"payload":"', b'"payload":"x'))


def lose_key(lines):
    key = lines[len(lines) // 2].partition(b"\t")[0]
    lines[:] = [line for line in lines if not line.startswith(key + b"\t")]


def swap_lane(lines):
    """The first two rows of a lane change places, bodies with keys; repetitions of them go."""
    rows = [(line.partition(b"\t")[0], json.loads(line.partition(b"\t")[2])) for line in lines]
    lane = [(i, key) for i, (key, row) in enumerate(rows) if (row["writer"], row["id"]) == (rows[0][1]["writer"], rows[0][1]["id"])]
    first = lane[0]
    second = next(entry for entry in lane if entry[1] != first[1])
    lines[first[0]], lines[second[0]] = lines[second[0]], lines[first[0]]


FILE_FAULTS = {
    "lost": lambda lines: lines.pop(len(lines) // 2),
    "doubled": lambda lines: lines.insert(5, lines[2]),
    "reordered": swap,
    "torn": lambda lines: lines.__setitem__(7, lines[7][:20] + b"\n"),
    "different": replace(b'"pad":"', b'"pad":"x'),
    "phantom": replace(b'"number":', b'"number":9999999'),
}
JOURNAL_FAULTS = {"lost": lose_key, "doubled": other_key, "different": repeat_other, "reordered": swap_lane}


def plant(directory, sent, journal, rows):
    """Puts each fault into a copy; ends the program where the check does not see it, by its name. How many there were."""
    copy, missed = os.path.join(directory, "planted"), []

    def spoil(path, fault):
        with open(path, "rb") as file:
            lines = file.readlines()
        fault(lines)
        with open(path, "wb") as file:
            file.writelines(lines)

    for name, fault in FILE_FAULTS.items():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(os.path.join(directory, "out"), copy)
        spoil(largest(copy), fault)
        if not judge_files(copy, sent).counts[name]:
            missed.append(f"{name} (files)")
    for name, fault in JOURNAL_FAULTS.items():
        shutil.rmtree(copy, ignore_errors=True)
        os.makedirs(copy)
        path = shutil.copy(journal, copy)
        spoil(path, fault)
        if not judge_journal(path, rows).counts[name]:
            missed.append(f"{name} (journal)")
    if missed:
        raise SystemExit(f"the check did not see what was planted: {', '.join(missed)}")
    return len(FILE_FAULTS) + len(JOURNAL_FAULTS)


def largest(out):
    return max(glob.glob(os.path.join(out, "*.ndjson")), key=os.path.getsize)
