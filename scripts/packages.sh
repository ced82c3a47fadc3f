# Sourced: names the system packages that are missing, and installs them where it may.
# shellcheck shell=bash

# The first Python of at least 3.11 that can make virtual environments.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

compiles_c() {
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | cc -x c -o /dev/null - 2>/dev/null
}

find_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

has_node() {
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' 2>/dev/null
}

# Prints what is missing for a purpose, one Debian package a line.
#   build: what compiling the server needs
#   quick: also what the Rust tests and scripts/check-layers need
#   load:  also what the load test needs
#   test:  also what the checks of the OpenAPI document and of the report need
missing_packages() {
    compiles_c || printf '%s\n' gcc libc6-dev
    command -v make >/dev/null || echo make
    if ! command -v pkg-config >/dev/null; then
        printf '%s\n' pkg-config libssl-dev
    elif ! pkg-config --exists openssl; then
        echo libssl-dev
    fi
    [[ $1 != build ]] || return 0
    postgres_bin >/dev/null || echo postgresql
    command -v curl >/dev/null || echo curl
    if [[ $1 == load ]]; then
        command -v wrk >/dev/null || echo wrk
        # The package with the server has pgbench too.
        command -v pgbench >/dev/null || echo postgresql
        return 0
    fi
    find_python >/dev/null || printf '%s\n' python3 python3-venv
    [[ $1 != quick ]] || return 0
    has_node || echo nodejs
    command -v npm >/dev/null || echo npm
    find_browser >/dev/null || echo chromium
}

# need_packages build|quick|load|test: installs what is missing, or ends the script with one message that
# names all of it.
need_packages() {
    local -a missing as_root=()
    mapfile -t missing < <(missing_packages "$1")
    if ((${#missing[@]} > 0)) && command -v apt-get >/dev/null; then
        if ((EUID != 0)) && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        fi
        if ((EUID == 0)) || ((${#as_root[@]} > 0)); then
            printf 'Installing: %s\n' "${missing[*]}"
            # Packages that are still missing are reported below, even if apt-get failed.
            "${as_root[@]}" apt-get update -qq || true
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || true
            hash -r
            mapfile -t missing < <(missing_packages "$1")
        fi
    fi
    command -v cargo >/dev/null || missing+=("cargo (Rust, by rustup)")
    ((${#missing[@]} == 0)) || fail "missing (named as in Debian and Ubuntu; Python from 3.11, Node.js from 18):$(printf ' %s,' "${missing[@]}" | sed 's/,$//'). Install them and run this again."
}

# need_nextest: installs the test runner, a cargo subcommand of its own.
need_nextest() {
    local version=0.9.143
    ! cargo nextest --version >/dev/null 2>&1 || return 0
    printf 'Installing cargo-nextest %s; this takes a few minutes, once.\n' "$version"
    cargo install cargo-nextest --locked --version "$version" ||
        fail "could not install cargo-nextest $version (see above). Install it by hand and run this again."
}
