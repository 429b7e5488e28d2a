#!/usr/bin/env python3
"""planted.py - are the bugs found that are planted in the commit log?

    planted.py --source RUNTIME --dir PROGRAMS [--matrix] [BUG...]

Each leat_planted("...") in the source is a bug that a build with LEAT_PLANTED has when LEAT_PLANT names it. With none on,
the programs must pass; with each, one of them must not. --matrix runs more of them, all on each, and says who finds it
(ninja crash_log_planted rot_log_planted builds those).
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

PROGRAMS = {
    "sim": ["sim_log_planted", "--seeds", "0", "2000"],
    "verdicts": ["verdicts_planted"],
}
MORE = {
    "crash": ["crash_log_planted", "--stride", "3"],
    "rot": ["rot_log_planted", "--stride", "250"],
}
# Only fabricated files tell these: the disk that the others run on never brings back what stood in another file.
FIRST = {"forget_chain": "verdicts", "skip_salt_check": "verdicts"}
LEAST = 12  # a search that finds no plants proves nothing


def bugs_in(source):
    found = set()
    for folder, _, files in os.walk(source):
        for name in files:
            if name.endswith((".c", ".h")):
                with open(os.path.join(folder, name), encoding="utf-8") as text:
                    found.update(re.findall(r'leat_planted\("([a-z_]+)"\)', text.read()))
    return sorted(found)


def run(args, program, bug):
    """True: it passes."""
    command = PROGRAMS[program]
    environment = {**os.environ, "LEAT_PLANT": bug}
    try:
        done = subprocess.run([os.path.join(args.dir, command[0]), *command[1:]], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return False, "does not come to an end"
    text = done.stdout.decode(errors="replace").strip().splitlines()
    return done.returncode == 0, text[-1] if text else f"ends with {done.returncode}"


def hunt(args, bug):
    """What each program that was asked says of it; asks no more than are needed."""
    said = []
    for program in sorted(PROGRAMS, key=lambda name: name != FIRST.get(bug)):
        begun = time.monotonic()
        passes, text = run(args, program, bug)
        said.append((program, passes, text, time.monotonic() - begun))
        if not passes and not args.matrix:
            break
    return bug, said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--matrix", action="store_true")
    parser.add_argument("bugs", nargs="*")
    args = parser.parse_args()
    if args.matrix:
        PROGRAMS.update(MORE)
    bugs = args.bugs or bugs_in(args.source)
    if not args.bugs and len(bugs) < LEAST:
        print(f"{len(bugs)} planted bugs, and there should be {LEAST} at least")
        return 1
    is_good = True
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        sound = [pool.submit(run, args, program, "") for program in PROGRAMS]
        hunts = [pool.submit(hunt, args, bug) for bug in bugs]
        for program, result in zip(PROGRAMS, sound):
            passes, text = result.result()
            is_good = is_good and passes
            if not passes:
                print(f"{program} does not pass without a bug: {text}")
        for result in hunts:
            bug, said = result.result()
            finders = [f"{program} ({seconds:.1f} s)" for program, passes, _, seconds in said if not passes]
            words = next((text for _, passes, text, _ in said if not passes), "")
            is_good = is_good and bool(finders)
            print(f"{bug:24} {', '.join(finders) or 'SURVIVES':28} {words[:110]}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
