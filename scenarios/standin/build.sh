#!/bin/sh
# Builds the stand-in control plane to the given path.
# Takes what Go needs from the module proxy; a first build compiles Kubernetes
# and takes minutes, later ones seconds. Needs Go and a C compiler (SQLite).
set -eu
[ $# -eq 1 ] || { echo "usage: build.sh OUTPUT" >&2; exit 2; }
case $1 in /*) output=$1 ;; *) output=$PWD/$1 ;; esac
cd "$(dirname "$0")"

# The scheduler refuses to start in a binary that does not know its version.
kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
major_minor=${kubernetes#v}
minor=${major_minor#*.}
stamp=k8s.io/component-base/version
exec env CGO_ENABLED=1 go build -trimpath -buildvcs=false -o "$output" -ldflags "-s -w \
  -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=${major_minor%%.*} -X $stamp.gitMinor=${minor%%.*} \
  -X main.release=$kubernetes+standin1" .
