#!/bin/sh
# Builds kubectl and the informer to the given path.
# Takes what Go needs from the module proxy; a first build compiles kubectl and takes minutes, later ones seconds.
# Needs Go, and nothing else: it is pure Go.
set -eu
[ $# -eq 1 ] || { echo "usage: build.sh OUTPUT" >&2; exit 2; }
case $1 in /*) output=$1 ;; *) output=$PWD/$1 ;; esac
cd "$(dirname "$0")"

# `kubectl version` says what it was built from.
minor=$(go list -m -f '{{.Version}}' k8s.io/kubectl)
minor=${minor#v0.}
stamp=k8s.io/component-base/version
exec env CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$output" -ldflags "-s -w \
  -X $stamp.gitVersion=v1.$minor -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" .
