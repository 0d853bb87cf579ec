#!/bin/sh
# Makes the container image IMAGE from the host's own shell and K3S, laid out as k3s's image is: /bin/k3s and a shell.
#
#   make_image.sh K3S IMAGE
set -eu

k3s=$1
image=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/tmp" "$root/run" "$root/proc" "$root/sys" "$root/dev" "$root/etc"
for program in sh cat head mkdir; do
    cp -L "$(command -v "$program")" "$root/bin/$program"
done
cp -L "$k3s" "$root/bin/k3s"
# A static program has no libraries, and ldd says so with its exit code.
{ ldd "$root"/bin/* || true; } 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
done
tar -C "$root" -c . | docker import - "$image" >/dev/null
