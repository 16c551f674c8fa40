#!/bin/sh
# Make the files of this folder out of two runs: docs/gallery/make.sh BEFORE AFTER
set -eu
[ $# -eq 2 ] || { echo "usage: $0 BEFORE AFTER" >&2; exit 2; }
here=$(dirname "$0")
lab=${LAB:-.nox/run/bin/lab}

"$lab" compare "$1" "$2" --html "$here/two-runs.html"
cp "$("$lab" report "$2")" "$here/one-run.html"
