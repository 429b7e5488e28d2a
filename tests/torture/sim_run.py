#!/usr/bin/env python3
"""sim_run.py - simulated lives of commit logs, on all cores.

    sim_run.py --sim PROGRAM --from SEED --lives COUNT

Prints one line of figures; a life that proves something wrong is told in its steps, and the exit status is 1.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

CHUNK = 2500


def run_chunk(sim, first, count):
    done = subprocess.run([sim, "--seeds", str(first), str(count)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def tell(sim, output):
    """What happened, in steps: the life runs again, and comes to the same."""
    print(output, file=sys.stderr)
    seed = re.search(r"^seed (\d+):", output, re.MULTILINE)
    if seed:
        subprocess.run([sim, "--seed", seed.group(1)], stdout=sys.stderr, check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sim", required=True)
    parser.add_argument("--from", dest="first", type=int, required=True)
    parser.add_argument("--lives", type=int, required=True)
    args = parser.parse_args()
    begun = time.monotonic()
    end = args.first + args.lives
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = [pool.submit(run_chunk, args.sim, at, min(CHUNK, end - at)) for at in range(args.first, end, CHUNK)]
        for chunk in concurrent.futures.as_completed(chunks):
            status, output = chunk.result()
            if status != 0:
                pool.shutdown(cancel_futures=True)
                tell(args.sim, output)
                return 1
    print(json.dumps({"seed": args.first, "lives": args.lives, "next": end, "seconds": round(time.monotonic() - begun, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
