#!/usr/bin/env python3
"""What the program exports to plug-ins, what exported.list says and what the public headers declare are the same.

    exports.py --cc CC --leat BIN --source DIR
"""
import argparse
import glob
import os
import re
import subprocess
import sys


def declared(cc, folder):
    """The functions of the headers, as the compiler's preprocessor leaves them: no comments, no macros."""
    headers = sorted(glob.glob(os.path.join(folder, "leat", "*.h")))
    text = "".join(f"#include <leat/{os.path.basename(h)}>\n" for h in headers)
    done = subprocess.run([cc, "-std=c11", "-I", folder, "-E", "-x", "c", "-"], input=text, capture_output=True, text=True,
                          check=True)
    ours, is_ours = [], False
    for line in done.stdout.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            is_ours = "/leat/" in marker.group(1)
        elif is_ours:
            ours.append(line)
    text = "\n".join(ours)
    while re.search(r"\{[^{}]*\}", text):  # bodies: of structs and of inline functions
        text = re.sub(r"\{[^{}]*\}", "@", text)
    names = set()
    for statement in re.split(r";|static inline[^@]*@", text):
        if not re.match(r"\s*typedef\b", statement):
            names.update(re.findall(r"\b(leat_\w+)\s*\(", statement)[:1])
    return names


def differ(what, one, other):
    for name in sorted(one - other):
        print(f"{what}: {name}")
    return bool(one - other)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cc", required=True)
    parser.add_argument("--leat", required=True)
    parser.add_argument("--source", required=True)
    args = parser.parse_args()
    headers = declared(args.cc, os.path.join(args.source, "runtime", "include"))
    with open(os.path.join(args.source, "scripts", "cmake", "exported.list")) as file:
        listed = set(re.findall(r"\bleat_\w+", file.read()))
    table = subprocess.run(["nm", "-D", "--defined-only", args.leat], capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1] for line in table.splitlines() if line.split()[-1].startswith("leat_")}
    if len(headers) < 50:
        sys.exit(f"only {len(headers)} functions are found in the headers")
    is_wrong = [differ("declared, not in exported.list", headers, listed),
                differ("in exported.list, not declared", listed, headers),
                differ("in exported.list, not exported", listed, exported),
                differ("exported, not in exported.list", exported, listed)]
    print(f"{len(headers)} declared, {len(listed)} listed, {len(exported)} exported")
    sys.exit(1 if any(is_wrong) else 0)


if __name__ == "__main__":
    main()
