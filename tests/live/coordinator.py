#!/usr/bin/env python3
"""coordinator: kafka - several processes share the tasks of one config: one is killed, one is frozen, one joins, one leaves; and
what is in the targets has each row once, in order."""
import functools
import json
import os
import re
import struct
import subprocess
import threading
import time

import kafka_kit
import kit
from kafka_kit import Broker
from kit import Wrong, has, same

PIPELINES = 4
ENDLESS = 10 ** 9
ALL = (1 << 64) - 1


def pipelines(space):
    """Of one name in one case only: the mark of a Kafka sink is in the broker that all cases have."""
    return [f"{space}{n}" for n in range(PIPELINES)]


def config(box, name, count=ENDLESS, rate=400, session="2s", space="shared"):
    """Pipelines of a source and two sinks: a list in Redis and a topic, both show what comes twice."""
    text = f"topics: oms:kafka://{box.broker.brokers}/{space}\ncoordinator: {{kind: kafka, session_timeout: {session}}}\npipelines:\n"
    for pipeline in pipelines(space):
        text += f"""\
  {pipeline}:
    source:
      toy: {{count: {count}, rate: {rate}, writers: 1, keys: 50}}
    topic: {pipeline}
    sinks:
      list:
        redis: {{port: {box.target.port}, as: list, key: "{{topic}}", format: json}}
      copy:
        kafka: {{brokers: ["{box.broker.brokers}"], topic: "copy.{{topic}}", format: json}}
"""
    return box.write(name, text)


def start(box, name, file="all.yaml"):
    """A process of a data directory of its own, as each machine has one."""
    box.write(f"{name}.data", f"data: ./{name}\n")
    return box.start("run", f"{name}.data", file)


def held(daemon):
    """Slots and tasks that a process has, as it said last; None: it said nothing yet."""
    lines = re.findall(r"coordinator: (\S+) .*holds (\d+) of 64 .*tasks here: (.*)", daemon.log())
    if not lines:
        return 0, set()
    return int(lines[-1][1]), set() if lines[-1][2] == "none" else set(lines[-1][2].split(", "))


def share_all(*daemons, space="shared"):
    """True when each slot is held once, and so is each task."""
    wanted = [name + sink for name in pipelines(space) for sink in ("", ".list", ".copy")]
    parts = [held(daemon) for daemon in daemons]
    tasks = [task for part in parts for task in part[1]]
    return all(part[0] for part in parts) and sum(part[0] for part in parts) == 64 and sorted(tasks) == sorted(wanted)


def lengths(box, space="shared"):
    return [box.target.ask("LLEN", name) for name in pipelines(space)]


def wait_growth(box, what, space="shared"):
    """Rows of every pipeline arrive: all of its tasks run somewhere."""
    before = lengths(box, space)
    wait(f"rows of all pipelines {what}", lambda: all(now > then for now, then in zip(lengths(box, space), before)), 120)


def case_a_killed_a_frozen_a_new_and_a_leaving_one(box):
    box.target = box.redis()
    config(box, "all.yaml")
    a, b, c = start(box, "a"), start(box, "b"), start(box, "c")
    wait("three share the tasks", lambda: share_all(a, b, c), daemons=(a, b, c,))
    wait_growth(box, "at the start")

    b.process.kill()
    b.process.wait()
    wait("two have what the killed one had", lambda: share_all(a, c), daemons=(a, c,))
    wait_growth(box, "after a kill")
    b = start(box, "b")
    wait("three share the tasks again", lambda: share_all(a, b, c), daemons=(a, b, c,))

    c.freeze()
    wait("two have what the frozen one had", lambda: share_all(a, b), daemons=(a, b,))
    wait_growth(box, "while one is frozen")
    c.thaw()
    c.says("was taken for dead, holds 0 of 64 slots")
    wait("three share the tasks, one of them thawed", lambda: share_all(a, b, c), daemons=(a, b, c,))
    wait_growth(box, "after the thaw")

    d = start(box, "d")
    wait("four share the tasks", lambda: share_all(a, b, c, d), daemons=(a, b, c, d,))
    a.stop()
    wait("three have what the leaving one had", lambda: share_all(b, c, d), daemons=(b, c, d,))
    wait_growth(box, "after one left")
    for daemon in (b, c, d):
        daemon.stop()
    judge(box)


def judge(box, space="shared"):
    """All rows that can be are brought to the targets; then each has each row once, in order."""
    count = max(lengths(box, space)) + 3000
    config(box, "rest.yaml", count=count, rate=0, space=space)
    daemons = [start(box, name, "rest.yaml") for name in ("a", "b")]
    wait("all rows in the lists", lambda: all(n >= count for n in lengths(box, space)), 120)
    copies = [f"copy.{name}" for name in pipelines(space)]
    wait("all rows in the topics", lambda: len(box.broker.read(*copies)) >= count * PIPELINES, 120)
    for daemon in daemons:
        daemon.stop()
    for name in pipelines(space):
        rows = [json.loads(line)["seq"] for line in box.target.ask("LRANGE", name, 0, -1)]
        judge_rows(f"redis, {name}", rows, count)
        rows = [json.loads(message.value)["seq"] for message in box.broker.read(f"copy.{name}")]
        judge_rows(f"kafka, {name}", rows, count)


def judge_rows(what, rows, count):
    lost, doubled = count - len(set(rows)), len(rows) - len(set(rows))
    wrong = [(at, seq) for at, seq in enumerate(rows) if at != seq][:5]
    same([lost, doubled, wrong], [0, 0, []], f"{what}: lost, doubled, the first out of place")


def case_who_leaves_hands_over_long_before_the_session_ends(box):
    box.target = box.redis()
    config(box, "all.yaml", session="10min", space="leave")
    a, b = start(box, "a"), start(box, "b")
    wait("two share the tasks", lambda: share_all(a, b, space="leave"), daemons=(a, b,))
    has(a.stop(), "holds 0 of 64 slots .*, leaving; tasks here: none")
    wait("one has all", lambda: share_all(b, space="leave"), daemons=(b,))
    wait_growth(box, "after one left", "leave")
    b.stop()


def case_of_two_with_one_name_the_older_ends(box):
    box.target = box.redis()
    config(box, "all.yaml", space="names")
    box.write("one.yaml", box.read("all.yaml").replace("session_timeout: 2s", "session_timeout: 2s, instance: me"))
    a = start(box, "a", "one.yaml")
    wait("it has all", lambda: share_all(a, space="names"), daemons=(a,))
    b = start(box, "b", "one.yaml")
    has(a.ends(6, 120), "another process of group leat.names has taken over the name me")
    wait("the other has all", lambda: share_all(b, space="names"), daemons=(b,))
    b.stop()


def wait(what, condition, seconds=120, daemons=()):
    try:
        return kit.wait(what, condition, seconds)
    except Wrong as late:
        tails = "".join(f"\n--- {daemon.log_path}\n{daemon.log()[-2500:]}" for daemon in daemons)
        raise Wrong(f"{late}{tails}") from None


class Member:
    """A member of the group without tasks (kafka_member.c)."""

    def __init__(self, box, space, name, session_ms=60000):
        self.lines = []
        self.process = subprocess.Popen([box.member, box.broker.brokers, space, name, str(session_ms)], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()
        box.daemons.append(self)

    def slots(self):
        said = [line for line in self.lines if line.startswith("slots ")]
        return int(said[-1].split()[1], 16) if said else 0

    def tell(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def clean_up(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()


def case_a_slot_waits_for_its_tasks(box):
    a = Member(box, "waits", "a")
    wait("a has all", lambda: a.slots() == ALL)
    a.tell("busy ffffffffffffffff")
    b = Member(box, "waits", "b")
    wait("a is to give some", lambda: a.slots() != ALL)
    time.sleep(1.5) # three heartbeats: b would have them; what must not come cannot be waited for
    same(b.slots(), 0, "slots of b while a's tasks run")
    a.tell("busy 0")
    wait("b has them", lambda: b.slots() == ALL & ~a.slots())


def case_one_that_is_back_within_the_session_has_its_slots_again(box):
    a, b = Member(box, "back", "a"), Member(box, "back", "b")
    wait("two share the slots", lambda: a.slots() and b.slots() == ALL & ~a.slots())
    slots, lines = a.slots(), len(b.lines)
    a.process.kill()
    again = Member(box, "back", "a")
    wait("a has its slots again", lambda: again.slots() == slots)
    same(b.lines[lines:], [], "what b was told")


def join_raw(box, group, instance, topic):
    """JoinGroup of a static member without an id, as a client sends it whose first one had no answer; then it is silent."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()
    subscription = struct.pack(">hi", 1, 1) + text(topic) + struct.pack(">ii", -1, 0)
    box.broker.request(11, 5, False, text(group) + struct.pack(">ii", 60000, 60000) + text("") + text(instance) + text("consumer") +
                       struct.pack(">i", 1) + text("cooperative-sticky") + struct.pack(">i", len(subscription)) + subscription)


def case_who_put_itself_out_of_the_group_is_back(box):
    """The group says that another one has our name, and there is no other process of that name."""
    a = Member(box, "itself", "a")
    wait("a has all", lambda: a.slots() == ALL)
    a.tell("busy 1")
    join_raw(box, "leat.itself", "a", "itself.tasks")
    wait("a has none", lambda: a.slots() == 0)
    a.tell("busy 0")
    wait("a has all again", lambda: a.slots() == ALL)


def case_what_is_bound_to_a_machine_is_refused(box):
    box.target = box.redis()
    head = "coordinator: kafka\npipelines:\n  p:\n    source: {source}\n    sinks: {{s: {sink}}}\n"
    for source, sink, wanted in [("toy", "{file: out.ndjson}", "p.s: the sink file is bound to one machine"),
                                 ("{tail: {paths: [x.log]}}", "toy", "p: the source tail is bound to one machine"),
                                 ("stdin", "toy", "p: the source stdin is bound to one machine"),
                                 ("toy", "toy", "coordinator: kafka shares topics among machines, but oms:commitlog: are of one")]:
        box.write("bound.yaml", head.format(source=source, sink=sink))
        has(box.run("check", "bound.yaml", status=3).both, wanted)
    config(box, "once.yaml", space="once")
    has(box.run("run", "--once", "once.yaml", status=3).both, "--once has no end where several processes share the tasks")


def begin(args, cases):
    kit.Box.member = args.member


if __name__ == "__main__":
    kafka_kit.main(functools.partial(Broker, properties="min.insync.replicas=1\ngroup.min.session.timeout.ms=1000"),
                   ("--member", {"required": True, "type": os.path.abspath}), begin=begin)
