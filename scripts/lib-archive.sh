# Packages of other Debian suites, unpacked beside the system rather than installed into it. Needs lib.sh.
# shellcheck shell=bash

# target_of_main: the line of the machine's own apt for Debian's main archive: "URI<TAB>FILE:ENTRY".
# The mirror is whatever this machine uses, so that a proxy or a local mirror is honoured.
target_of_main() {
    apt-get indextargets --format '$(REPO_URI)	$(SOURCESENTRY)	$(ORIGIN)	$(LABEL)	$(COMPONENT)	$(CREATED_BY)' |
        awk -F '\t' '$3 == "Debian" && $4 == "Debian" && $5 == "main" && $6 == "Packages" { print $1 "\t" $2; exit }'
}

# trust_options FILE:ENTRY: the Signed-By and Trusted fields of that entry, as deb822, so that a suite is trusted
# exactly as the machine trusts the archive. None: apt's own keyring, as on the machine.
trust_options() {
    local file="${1%:*}" entry="${1##*:}"
    if [[ "$file" == *.sources ]]; then
        # ENTRY counts stanzas; a field goes on over indented lines (a key may be written out in place).
        awk -v wanted="$entry" '
            /^[[:space:]]*$/ { if (inside) { inside = 0; field = 0 } ; next }
            /^#/ { next }
            !inside { inside = 1; stanza++ }
            /^[^[:space:]]/ { field = tolower($0) ~ /^(signed-by|trusted):/ }
            stanza == wanted && field { print }
        ' "$file"
    else
        # ENTRY is the line: deb [signed-by=/a,/b trusted=yes] …
        sed -n "${entry}p" "$file" | grep -o '\[[^]]*\]' | tr -d '[]' | tr ' ' '\n' |
            sed -n -e 's/^signed-by=/Signed-By: /p' -e 's/^trusted=/Trusted: /p' | tr ',' ' ' || true
    fi
}

# with_suite SUITE FUNCTION [ARGUMENT...]: calls the function in a folder of its own, where `suite_apt` is apt-get for that
# suite alone: the machine's sources, lists and cache are neither used nor changed. Needs no root. What is printed
# is shown only when the function fails.
with_suite() {
    local suite="$1" private target status=0
    shift
    target="$(target_of_main)"
    [[ -n "$target" ]] || {
        notice "this machine's apt has no archive of Debian (apt-get update not run yet?)"
        return 1
    }
    private="$(mktemp -d "$BUILD_TOOLS/apt.XXXXXX")"
    mkdir -p "$private"/{state/lists/partial,cache/archives/partial,empty,packages}
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "${target%%$'\t'*}" "$suite"
        trust_options "${target##*$'\t'}"
    } >"$private/archive.sources"
    # Hooks of the machine (a container image's cleaner, say) would work on the machine's own cache.
    printf '#clear %s;\n' APT::Update::{Pre-Invoke,Post-Invoke,Post-Invoke-Success} >"$private/hooks.conf"
    # Nothing is installed: what a package depends on is all that it needs.
    : >"$private/status"
    (
        cd "$private/packages"
        APT_FOLDER="$private"
        suite_apt update && "$@"
    ) >"$private/log" 2>&1 || status=1
    [[ $status -eq 0 ]] || sed 's/^/    /' "$private/log" >&2
    rm -rf "$private"
    return "$status"
}

suite_apt() {
    local -a options=(
        -q
        -c "$APT_FOLDER/hooks.conf"
        -o "Dir::Etc::sourcelist=$APT_FOLDER/archive.sources"
        -o "Dir::Etc::sourceparts=$APT_FOLDER/empty"
        -o "Dir::Etc::preferences=/dev/null"
        -o "Dir::Etc::preferencesparts=$APT_FOLDER/empty"
        -o "Dir::State=$APT_FOLDER/state"
        -o "Dir::State::status=$APT_FOLDER/status"
        -o "Dir::Cache=$APT_FOLDER/cache"
        # The folder is ours alone, so apt's own unprivileged user could not write into it.
        -o "APT::Sandbox::User=$(id -un)"
        -o "APT::Install-Recommends=false"
        -o "Acquire::Languages=none"
        -o "Acquire::Retries=2"
        -o "APT::Update::Error-Mode=any"
    )
    apt-get "${options[@]}" "$@"
}

# fetch_package SUITE PACKAGE FOLDER: unpacks the suite's package into the folder.
fetch_package() { with_suite "$1" unpack_one "$2" "$3"; }

unpack_one() {
    suite_apt download "$1" || return 1
    mkdir -p "$2" && dpkg -x "$1"_*.deb "$2"
}

# needed_by PACKAGE: prints the package and all that it depends on, one a line.
needed_by() { suite_apt --print-uris -y install "$1" | sed -n "s/^'[^']*' \\([^_]*\\)_.*/\\1/p"; }
