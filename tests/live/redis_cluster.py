#!/usr/bin/env python3
"""The redis sink in a Redis Cluster of three masters: what is refused, keys of one slot, and a slot that moves."""
import json
import time

import kit
from kit import has, lacks, same, wait
from redis_sink import toys


def cluster(box):
    """Three masters that share the slots."""
    nodes = [box.redis("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", str(kit.free_port())) for _ in range(3)]
    for number, node in enumerate(nodes):
        node.ask("CLUSTER", "ADDSLOTSRANGE", number * 5462, min(16383, number * 5462 + 5461))
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for node in nodes[1:]:
        nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.options[-1])
    wait("the cluster", lambda: all("cluster_state:ok" in node.text("CLUSTER", "INFO") and
                                    "cluster_known_nodes:3" in node.text("CLUSTER", "INFO") for node in nodes))
    return nodes


def owner_of(nodes, key):
    slot = nodes[0].ask("CLUSTER", "KEYSLOT", key)
    return slot, nodes[slot // 5462]


def case_a_cluster_is_refused_where_keys_lie_anywhere(box):
    nodes = cluster(box)
    for more in ('as: list, key: "{topic}"', "as: hash", 'as: hash, key: "{topic}:{{x}:{key.id}"'):
        toys(box, nodes[0], more)
        for args in (("run", "--once"), ("check", "--connect")):
            has(box.run(*args, "toys.yaml").both, r"it is a cluster: .* begin `key` with a literal hash tag, \"\{\{shop\}:")
    toys(box, nodes[0], 'as: list, key: "{{x}:{topic}", mark_key: "{y}:mark"')
    has(box.run("run", "--once", "toys.yaml", status=1).both, r"`mark_key` must have the keys' hash tag, \{x\}")


def case_keys_of_one_slot_of_a_cluster(box):
    nodes = cluster(box)
    _, home = owner_of(nodes, "{x}")
    others = [node for node in nodes if node is not home]
    toys(box, others[0], 'as: list, key: "{{x}:{topic}", format: json')
    lacks(box.run("check", "--connect", "toys.yaml", status=0).both, "error")
    box.run("run", "--once", "toys.yaml", status=0)
    same([json.loads(line)["seq"] for line in home.ask("LRANGE", "{x}:toy.t0", 0, -1)], list(range(2000)), "rows")
    same(home.text("KEYS", "*:mark"), ["{x}:leat:toys.out:mark"], "mark")


def case_a_slot_moves_to_another_node(box):
    nodes = cluster(box)
    slot, home = owner_of(nodes, "{x}")
    away = next(node for node in nodes if node is not home)
    ids = {node: node.text("CLUSTER", "MYID") for node in nodes}
    toys(box, nodes[0], 'as: list, key: "{{x}:{value.id}", format: json', rows=30000, rate=10000)
    daemon = box.start("run", "--once", "toys.yaml")
    for source, target in ((home, away), (away, home)):
        wait("rows", lambda: len(source.text("CLUSTER", "GETKEYSINSLOT", slot, 1000)) > 40)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        while keys := source.text("CLUSTER", "GETKEYSINSLOT", slot, 5):
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            time.sleep(0.05)
        for node in (target, source, *nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
    daemon.ends(0, seconds=60)
    has(daemon.log(), r"(ASK|MOVED|TRYAGAIN|non local key)")
    rows = [[json.loads(line)["seq"] for line in home.ask("LRANGE", key, 0, -1)] for key in home.text("KEYS", "{x}:*")
            if home.ask("TYPE", key) == b"list"]
    same([sorted(seqs) for seqs in rows], rows, "order within keys")
    same(sorted(sum(rows, [])), list(range(30000)), "rows")


if __name__ == "__main__":
    kit.main(needs_server=False)
