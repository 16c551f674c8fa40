#!/bin/sh
# Make the files of this folder out of three runs: docs/gallery/make.sh MATRIX BEFORE AFTER
set -eu
[ $# -eq 3 ] || { echo "usage: $0 MATRIX BEFORE AFTER" >&2; exit 2; }
here=$(dirname "$0")
lab=${LAB:-.nox/run/bin/lab}

cp "$("$lab" report "$1")" "$here/matrix.html"
cp "$("$lab" report "$3")" "$here/one-run.html"
"$lab" compare "$2" "$3" --html "$here/two-runs.html"
