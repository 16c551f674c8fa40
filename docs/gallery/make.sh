#!/bin/sh
# Make the files of this folder out of four runs: docs/gallery/make.sh MATRIX ONE BEFORE AFTER
set -eu
[ $# -eq 4 ] || { echo "usage: $0 MATRIX ONE BEFORE AFTER" >&2; exit 2; }
here=$(dirname "$0")
lab=${LAB:-.nox/run/bin/lab}

cp "$("$lab" report "$1")" "$here/matrix.html"
cp "$("$lab" report "$2")" "$here/one-run.html"
"$lab" compare "$3" "$4" --html "$here/two-runs.html"
