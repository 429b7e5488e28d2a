#!/bin/sh
# same.sh PROGRAM ARGS... - two runs print the same; each is a process of its own, with its own addresses.
first=$("$@") || exit 1
second=$("$@") || exit 1
[ -n "$first" ] && [ "$first" = "$second" ] && exit 0
printf '%s\n' "two runs of $* differ:" "$first" "--" "$second"
exit 1
