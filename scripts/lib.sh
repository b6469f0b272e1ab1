# What every script here shares. Source it: `source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"`.
# shellcheck shell=bash
set -euo pipefail

# The top of the work tree: scripts are called from anywhere.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# Programs that were fetched for tests live here; git ignores it.
BUILD_TOOLS="$ROOT/.build-tools"

say() { printf '==> %s\n' "$*" >&2; }
notice() { printf '!!! %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
in_ci() { [[ "${CI:-}" == true ]]; }

# How to become root, one word per element; empty when we are root. Fails when there is no way.
# Without a terminal sudo must not ask for a password: nobody could answer.
root_prefix() {
    if [[ $EUID -eq 0 ]]; then
        return 0
    elif have sudo && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
        printf 'sudo\n'
    else
        return 1
    fi
}

# apt_install PACKAGE...: refreshes the lists once per process, then installs.
apt_install() {
    local -a as_root=()
    mapfile -t as_root < <(root_prefix)
    if [[ -z "${APT_LISTS_FRESH:-}" ]]; then
        "${as_root[@]}" apt-get update -q >&2 || notice "apt-get update failed; trying with the lists there are"
        APT_LISTS_FRESH=1
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends -- "$@" >&2
}
