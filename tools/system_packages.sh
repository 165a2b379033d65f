#!/bin/sh
# The Debian packages that tests need, where apt may install them. Without them those tests are skipped
# with one line each; with CI=true a missing one is an error.
set -eu
packages="mosquitto postgresql chromium fonts-noto-cjk qemu-user espeak-ng"
missing=""
for package in $packages; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || as_root="none"
    [ -n "$as_root" ] || as_root="sudo -n"
fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (tests that need them are skipped; install them with your package manager)"
    exit 0
fi
echo "system packages:$missing …"
log=$(mktemp)
{ $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing; } \
    >"$log" 2>&1 || { tail -n 5 "$log"; echo "apt could not install:$missing"; }
rm -f "$log"
