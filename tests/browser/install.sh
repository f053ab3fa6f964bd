#!/bin/sh
# Chromium out of the system's packages, if it is missing.
set -eu
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [ -n "$name" ] && command -v "$name" > /dev/null; then exit 0; fi
done
if ! command -v apt-get > /dev/null; then
  echo "Chromium is missing and this is no Debian: install it, or set CHROMIUM to its path" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then become=; elif command -v sudo > /dev/null; then become=sudo; else
  echo "Chromium is missing: as root, run apt-get install chromium" >&2
  exit 1
fi
$become apt-get update -qq
$become env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium > /dev/null
