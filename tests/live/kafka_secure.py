#!/usr/bin/env python3
"""The kafka connectors and TLS, SASL and access rules, on a real broker that has them.

`kafka_secure.py --leat BIN --tool KAFKA_TOOL [--version 3.9.2] [CASE...]`
"""
import json
import os
import subprocess

import kafka_kit
from kafka_kit import Broker
from kit import free_port, has, lacks, same, wait

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required user_leat=\"water\" user_small=\"beer\";"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def certificates(folder):
    """ca.crt, other.crt, and s.pem: key and certificate of 127.0.0.1 as Kafka takes them."""
    subprocess.run("""set -e
EC="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $EC -days 2 -subj "/CN=our ca" -keyout ca.key -out ca.crt
openssl req -x509 $EC -days 2 -subj "/CN=another ca" -keyout other.key -out other.crt
openssl req $EC -subj /CN=kafka -keyout s.key -out s.csr
echo "subjectAltName=IP:127.0.0.1" >names
openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out s.crt
cat s.key s.crt >s.pem
""", shell=True, check=True, capture_output=True, cwd=folder)


class SecureBroker(Broker):
    """Listeners that ask for TLS, for a password, or for both; `folder_of_keys` has the certificates, `ports` the listeners'."""

    def __init__(self, folder, tool, version):
        self.folder_of_keys = os.path.dirname(folder)
        self.ports = {name: free_port() for name in ("SSL", "SASL_SSL", "SASL_PLAINTEXT")}
        certificates(self.folder_of_keys)
        logins = "".join(f"listener.name.{name}.{kind}.sasl.jaas.config={PLAIN if kind == 'plain' else SCRAM}\n"
                         for name in ("sasl_ssl", "sasl_plaintext") for kind in ("plain", "scram-sha-256", "scram-sha-512"))
        super().__init__(folder, tool, f"""\
ssl.keystore.type=PEM
ssl.keystore.location={self.folder_of_keys}/s.pem
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
{logins}authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:leat
""", version, listeners=" ".join(f"{name}:{port}" for name, port in self.ports.items()))

    def start(self):
        super().start()
        self.user("leat", "water")


def pipeline(box, listener, sink, name, topics=1, count=100, more=""):
    box.write("p.yaml", f"""\
data: ./data
pipelines:
  {name}:
    source:
      toy: {{count: {count}, topics: {topics}, writers: 2, keys: 50}}
{more}    sinks:
      k:
        kafka: {{brokers: "127.0.0.1:{box.broker.ports[listener]}", format: json, topic_prefix: {name}, {sink}}}
""")


def run(box, status=0):
    return box.run("run", "--once", "p.yaml", status=status, seconds=60).both


def check(box, status=0):
    done = box.run("check", "--connect", "p.yaml", seconds=60)
    same(done.returncode, status, done.both)
    return done.both


def case_tls(box):
    keys = box.broker.folder_of_keys
    pipeline(box, "SSL", f"ca_file: {keys}/ca.crt", "tls")
    lacks(check(box), "error|warning")
    run(box)
    same(len(box.broker.read("tls.toy.t0")), 100)
    pipeline(box, "SSL", f"ca_file: {keys}/other.crt", "tls")
    has(check(box, 1), "error.*no TLS with it: .*certificate.*`ca_file`")
    pipeline(box, "SSL", "tls: true", "tls")
    has(check(box, 1), "error.*no TLS with it: .*certificate.*`ca_file`")
    pipeline(box, "SSL", "tls: false", "tls")
    has(check(box, 1), "no broker can be reached: .*`tls`")


def case_sasl(box):
    """SCRAM where the library can speak it: before 2.6.1 not with Kafka 4, and the preflight says so."""
    keys = box.broker.folder_of_keys
    for number, (listener, mechanism) in enumerate((("SASL_SSL", "PLAIN"), ("SASL_PLAINTEXT", "SCRAM-SHA-256"),
                                                    ("SASL_SSL", "SCRAM-SHA-512"))):
        name = f"sasl{number}"
        access = f"user: leat, mechanism: {mechanism}" + (f", ca_file: {keys}/ca.crt" if listener == "SASL_SSL" else "")
        pipeline(box, listener, access + ", password: wine", name)
        text = check(box, 1)
        has(text, f"does not let user leat in: .*uthentication.*`password` and `mechanism` .now {mechanism}")
        lacks(text, "wine")
        same(box.run("run", "--once", "p.yaml", seconds=60).returncode, 1)
        pipeline(box, listener, access + ", password: water", name)
        if "needs librdkafka 2.6.1" in text and not box.broker.env.get("KAFKA_VERSION", "4").startswith("3"):
            has(check(box, 1), "does not let user leat in.*SCRAM with them needs librdkafka 2.6.1")
            continue
        lacks(check(box), "error|warning")
        run(box)
        same(len(box.broker.read(f"{name}.toy.t0")), 100, mechanism)


SMALL = "user: small, password: beer, mechanism: PLAIN"


def case_rights(box):
    """A user who may do nothing, and is given one right after the other as the preflight asks for them."""
    pipeline(box, "SASL_PLAINTEXT", SMALL + ", topic: one, create: false", "r")
    has(check(box, 1), "kafka-acls.sh --add --allow-principal User:small --operation Describe --operation Write --topic r.one",
        "--topic leat-marks")
    box.broker.make("r.one", 1)
    box.broker.allow("small", "topic", "r.one", "write", "describe")
    if "leat-marks" not in box.broker.call("topics").decode().split():
        box.broker.make("leat-marks", 1, cleanup_policy="compact")
    box.broker.allow("small", "topic", "leat-marks", "write")
    text = check(box, 1)
    has(text, "no right to read topic leat-marks; run: kafka-acls.sh .*--operation Read",
        "the settings of topic r.one cannot be read .right DescribeConfigs",
        "warning.*no right to the transactional id leat.check; .*--resource-pattern-type prefixed --transactional-id leat[.]\n")
    box.broker.allow("small", "topic", "leat-marks", "read")
    box.broker.allow("small", "transactional_id", "leat.r.", "write", "describe", prefixed=True)
    box.broker.allow("small", "transactional_id", "leat.check", "write", "describe")
    lacks(check(box), "error|warning")
    run(box)
    same(len(box.broker.read("r.one")), 100)


def case_one_topic_without_a_right(box):
    """Its records are dead letters; those of the others arrive, once. So does one that the broker finds too large, whose
    limit may not be read."""
    for topic in ("o.toy.t0", "o.toy.t1", "o.toy.t2"):
        box.broker.make(topic, 1)
    box.broker.allow("small", "topic", "o.toy.t0", "write", "describe")
    box.broker.allow("small", "topic", "o.toy.t1", "describe")
    box.broker.allow("small", "topic", "leat-marks", "read", "write", "describe", "create")
    box.broker.allow("small", "transactional_id", "leat.", "write", "describe", prefixed=True)
    pipeline(box, "SASL_PLAINTEXT", SMALL, "o", 3, 300, "    errors: {policy: dead_letter, retry: {first: 10ms}}\n")
    text = run(box)
    has(text, "topic o.toy.t1 refuses [0-9]+ of [0-9]+ messages: Broker: Topic authorization failed", "became a dead letter")
    there = [json.loads(m.value)["id"] for m in box.broker.read("o.toy.t0")]
    letters = box.run("read", "o.dead", "--data", "data", status=0).both
    has(letters, "topic o.toy.t1 refuses it: Broker: Topic authorization failed", "o.toy.t2.*authorization failed")
    lacks(letters, "o.toy.t0 refuses")
    same(len(there), len(there) and 300 - letters.count('"error"'), "delivered or a letter")


def source(box, listener, more, name):
    box.write("p.yaml", f"""\
data: ./data
pipelines:
  {name}:
    source:
      kafka: {{brokers: "127.0.0.1:{box.broker.ports[listener]}", topics: [{name}], {more}}}
    sinks:
      out:
        file: {{path: "out.ndjson", format: json}}
""")


def case_source_over_tls(box):
    box.broker.make("stls", 2)
    box.broker.feed(["many", "stls", 0, 50, 0], ["many", "stls", 1, 50, 50])
    keys = box.broker.folder_of_keys
    source(box, "SASL_SSL", f"ca_file: {keys}/other.crt, user: leat, password: water, mechanism: PLAIN", "stls")
    has(check(box, 1), "error.*no TLS with it: .*certificate.*`ca_file`")
    source(box, "SASL_SSL", f"ca_file: {keys}/ca.crt, user: leat, password: wine, mechanism: PLAIN", "stls")
    text = check(box, 1)
    has(text, "does not let user leat in: .*uthentication")
    lacks(text, "wine")
    source(box, "SASL_SSL", f"ca_file: {keys}/ca.crt, user: leat, password: water, mechanism: PLAIN", "stls")
    lacks(check(box), "error|warning")
    run(box)
    same(sorted(row["n"] for row in box.lines("out.ndjson")), list(range(100)))


def topics(box, space, password, more=""):
    box.write("p.yaml", f"""\
data: ./data
topics: "oms:kafka://127.0.0.1:{box.broker.ports['SASL_PLAINTEXT']}/{space}?security.protocol=SASL_PLAINTEXT&\
sasl.mechanisms=PLAIN&sasl.username=small&sasl.password={password}"
{more}
pipelines:
  p:
    source:
      toy: {{count: 100, writers: 1}}
    sinks:
      out:
        {"toy" if more else 'file: {path: "out.ndjson", format: json}'}
""")


def case_topics_of_a_user(box):
    """A wrong password ends it, and the rights of docs/kafka-topics.md are enough."""
    topics(box, "prod", "wine")
    has(check(box, 1), "topics: error: .*does not let user small in")
    wrong = "does not let user small in: .*uthentication.*sasl.password and sasl.mechanisms .now PLAIN"
    text = run(box, 1)
    has(text, wrong)
    lacks(text, "wine")
    has(box.run("topics", "-f", "p.yaml", status=1, seconds=60).both, wrong)
    topics(box, "prod", "beer")
    has(check(box, 1), "topics: error: .*kafka-acls.sh .*User:small .* --topic prod.log.p\n", "--topic prod.state.p\n")
    box.broker.allow("small", "topic", "prod.", "read", "write", "describe", "create", prefixed=True)
    box.broker.allow("small", "transactional_id", "leat.prod.", "write", "describe", prefixed=True)
    has(check(box), "prod.log.p is made at the first start", "while its cluster loses nothing|who follows an open file")
    run(box)
    same([row["seq"] for row in box.lines("out.ndjson")], list(range(100)))


def case_a_group_that_may_not_be_joined(box):
    box.broker.allow("small", "topic", "many.", "read", "write", "describe", "create", prefixed=True)
    box.broker.allow("small", "transactional_id", "leat.many.", "write", "describe", prefixed=True)
    topics(box, "many", "beer", "coordinator: kafka")
    wrong = "no right to .*; run: kafka-acls.sh --add --allow-principal User:small --operation Read --resource-pattern-type prefixed --group leat.many\n"
    has(check(box, 1), "coordinator: error: .*" + wrong)
    has(box.run("run", "p.yaml", status=1, seconds=60).both, "coordinator: .*" + wrong)
    box.broker.allow("small", "group", "leat.many", "read", prefixed=True)
    wait("brokers know of the right", lambda: "no right" not in box.run("check", "--connect", "p.yaml", seconds=60).both)
    lacks(check(box), "error|warning")
    daemon = box.start("run", "p.yaml")
    daemon.says("holds 64 of 64 slots")
    daemon.stop()


def case_source_rights(box):
    box.broker.make("srights", 1)
    box.broker.feed(["many", "srights", 0, 50, 0])
    source(box, "SASL_PLAINTEXT", SMALL, "srights")
    acls = "kafka-acls.sh --add --allow-principal User:small --operation Read --operation Describe --topic srights"
    has(check(box, 1), f"no right to topic srights; run: {acls}")
    has(run(box, 1), "no right to topic srights")
    box.broker.allow("small", "topic", "srights", "describe")
    has(check(box, 1), f"topic srights may not be read; run: {acls}")
    has(run(box, 1), "srights")
    box.broker.allow("small", "topic", "srights", "read")
    lacks(check(box), "error|warning")
    run(box)
    same([row["n"] for row in box.lines("out.ndjson")], list(range(50)))


if __name__ == "__main__":
    kafka_kit.main(SecureBroker)
