"""What each target of sinks_run.py holds, against what the files hold; the files are proven by shop_verify.py first.

A change is known by its kind, its row's key and version, which no two changes share; its content by a digest. The files give
each topic's changes in the log's order; a target must give the same ones, once, and each of its lists in that order.
"""
import collections
import hashlib
import json

from shop_verify import KEYS, lines, mask, parts

Change = collections.namedtuple("Change", "identity digest")


def digest(before, after):
    text = json.dumps([before, after], sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=8).digest()


def masked(row):
    if row is None:
        return None
    row = {name: value for name, value in row.items() if name != "card_number"}
    for name in ("email", "contact_email"):
        if row.get(name):
            row[name] = mask(row[name])
    return row


def identity_of(table, op, row):
    return op, *(int(row[column]) for column in KEYS[table]), int(row["ver"])


def of_debezium(table, line):
    event = json.loads(line)
    before, after = masked(event.get("before")), masked(event.get("after"))
    return Change(identity_of(table, event["op"], after or before), digest(before, after))


class Truth:
    """Of one table: where in the log's order each change stands."""

    def __init__(self, table, out):
        self.table, self.places, self.digests = table, {}, []
        for path in parts(out, f"shop.{table}"):
            for line in lines(path):
                change = of_debezium(table, line)
                self.places[change.identity] = len(self.digests)
                self.digests.append(change.digest)

    def judge(self, lists, only=None):
        """Counts what is wrong with the lists of changes that a target holds; only: identities that count as wanted."""
        found, seen = collections.Counter(), set()
        for changes in lists:
            newest = -1
            for identity, content in changes:
                place = self.places.get(identity)
                if place is None:
                    found["phantom"] += 1
                    continue
                found["doubled"] += place in seen
                found["reordered"] += place < newest
                found["different"] += content is not None and content != self.digests[place]
                newest = place
                seen.add(place)
        found["lost"] = len(self.digests) - len(seen) if only is None else len(only - seen)
        return found


def of_kafka(table, messages):
    """A list for each partition."""
    lists = collections.defaultdict(list)
    for message in messages:
        if message.value is not None:
            lists[message.partition].append(of_debezium(table, message.value))
    return list(lists.values())


def of_heap(table, rows):
    """An append table: kind, key and version; in the order of its lines."""
    changes = []
    for line in rows:
        op, *numbers = line.split("\t")
        changes.append(Change((op, *map(int, numbers)), None))
    return [changes]


def plant(truth, lists):
    """Which kinds of faults the judgement does not see when they are put in."""
    longest = max(range(len(lists)), key=lambda i: len(lists[i]))
    changes, middle = lists[longest], len(lists[longest]) // 2
    faults = {"lost": changes[:middle] + changes[middle + 1:], "doubled": changes[:middle] + changes[middle - 1:],
              "reordered": changes[:middle - 1] + [changes[middle], changes[middle - 1]] + changes[middle + 1:],
              "phantom": changes + [Change(("c", -1, -1, -1), None)],
              "different": changes[:middle] + [changes[middle]._replace(digest=b"other")] + changes[middle + 1:]}
    return [kind for kind, altered in faults.items()
            if not truth.judge(lists[:longest] + [altered] + lists[longest + 1:])[kind]]
