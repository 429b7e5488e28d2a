#!/usr/bin/env python3
"""Makes v1.tar.gz and v1.txt: `write.py --leat BIN --make BIN`. Only while the version is not released: after that they stay
as they are, and a new version gets files of its own."""
import argparse
import gzip
import io
import os
import subprocess
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DUMP = ("log", "dump", "--frames", "--records", "--state")


def plain(info):
    """The same bytes whoever makes it, but for the log's own times."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--leat", required=True)
    parser.add_argument("--make", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "data/logs"))
        log = os.path.join(folder, "data/logs/toy")
        subprocess.run([os.path.abspath(args.make), log], check=True)
        os.unlink(os.path.join(log, "lock"))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(log, "toy", filter=plain)
        with open(os.path.join(HERE, "v1.tar.gz"), "wb") as file:
            file.write(gzip.compress(packed.getvalue(), 9, mtime=0))
        done = subprocess.run([os.path.abspath(args.leat), *DUMP, "--data", "data", "toy"], cwd=folder, capture_output=True, check=True)
        with open(os.path.join(HERE, "v1.txt.gz"), "wb") as file:
            file.write(gzip.compress(done.stdout, 9, mtime=0))


if __name__ == "__main__":
    main()
