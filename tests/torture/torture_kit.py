"""What the tortures share: their command line, and how they tell what they found."""
import argparse
import json
import os
import shutil
import signal
import sys
import time


def arguments(*paths, flags=("plant",), choices=None, **presets):
    """The command line of the torture that runs: --leat, --dir and `paths` must be given; `presets` are options, each of its
    preset's type; `choices`: option -> the words it takes, the first is the preset. --dir is made anew. A signal ends it by
    an exception: what was started is ended too."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("leat", "dir", *paths):
        parser.add_argument(f"--{name}", required=True, type=os.path.abspath)
    for name, preset in {**presets, "seed": 1}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(preset), default=preset)
    for name, words in (choices or {}).items():
        parser.add_argument(f"--{name}", choices=words, default=words[0])
    for name in flags:
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true")
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    shutil.rmtree(args.dir, ignore_errors=True)
    os.makedirs(args.dir)
    return args


def says(daemon, log, since, text, seconds=60):
    """Waits until the daemon has written `text` into the file `log`, behind byte `since`."""
    deadline = time.monotonic() + seconds
    while True:
        with open(log, "rb") as file:
            file.seek(since)
            if text.encode() in file.read():
                return
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"leat did not say '{text}'; see {log}")
        time.sleep(0.02)


def tell(args, found, plant=None, **figures):
    """One line of JSON: the verdict, the figures, and what was found wrong, each with its count. Ends: status 0 where that
    is nothing. plant() says how many faults were put into a copy and seen; it runs where there is nothing wrong."""
    is_fine = not any(found.values())
    planted = {"planted_and_seen": plant()} if plant and args.plant and is_fine else {}
    print(json.dumps({"verdict": "ok" if is_fine else "BAD", **figures, **found, **planted, "seed": args.seed}))
    sys.exit(0 if is_fine else 1)
