#!/bin/sh
# Makes the container image IMAGE from the host's own shell and K3S, laid out as k3s's image is: /bin/k3s, a shell, the
# volumes that it declares, and where KUBECTL is given, kubectl.
#
#   make_image.sh K3S IMAGE [KUBECTL]
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
if [ $# -gt 2 ]; then cp -L "$3" "$root/bin/kubectl"; fi
# A static program has no libraries, and ldd says so with its exit code.
{ ldd "$root"/bin/* || true; } 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
done
tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/bin/k3s"]' --change 'VOLUME /var/lib/kubelet /var/lib/rancher/k3s /var/lib/cni /var/log' - "$image" >/dev/null
