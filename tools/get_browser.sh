#!/bin/sh
# A browser for tests of the local Slack's page, where there is none and this may install one: as root, with apt.
# Without one those tests are skipped and say so; whatever goes wrong here must therefore fail nothing.
for name in chromium-headless-shell chromium chromium-browser google-chrome-stable google-chrome microsoft-edge; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "No browser here, and none can be installed: tests of the local Slack's page are skipped."
    exit 0
fi
echo "Installing a browser for tests of the local Slack's page"
export DEBIAN_FRONTEND=noninteractive
timeout 120 apt-get update -qq >/dev/null 2>&1
for package in chromium-headless-shell chromium; do
    timeout 300 apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 && exit 0
done
echo "That failed: they are skipped."
exit 0
