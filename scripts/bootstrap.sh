#!/bin/sh
# Make .venv with everything in requirements.lock, or do nothing if it is there already.
# Needs a Python 3.12 or newer somewhere on this machine, and the network the first time.
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
STAMP=$VENV/forllm.stamp
BUSY=$VENV/forllm.installing

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Succeeds if this Python is new enough. It has to run: pyenv's stand-ins exist without
# working, and a .venv outlives the Python it was made from.
is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    for name in python3.14 python3.13 python3.12 python3; do
        if is_new_enough "$name"; then command -v "$name"; return; fi
    done
    versions=${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}/versions
    for name in $(ls "$versions" 2>/dev/null | sort -t . -k 1,1nr -k 2,2nr -k 3,3nr); do
        found=$versions/$name/bin/python
        if is_new_enough "$found"; then printf '%s\n' "$found"; return; fi
    done
    return 1
}

# What the stamp holds: the wanted packages, for which Python, in which folder (the
# programs of a .venv name it, so a moved one is of no use).
wanted() { pwd; readlink "$VENV/bin/python" || true; cksum <requirements.lock; }

if [ -L "$VENV" ]; then
    say ".venv is a link, so it is left as it is."
    exit 0
fi
if [ -f "$STAMP" ] && [ "$(wanted)" = "$(cat "$STAMP")" ] && [ -x "$VENV/bin/python" ]
then
    exit 0
fi
if [ -f "$STAMP" ] && [ "$(head -n 1 "$STAMP")" != "$(pwd)" ]; then
    touch "$BUSY"
fi
rm -f "$STAMP"

# An installation that was cut off may have left half a package that looks whole.
if [ -e "$BUSY" ] || ! is_new_enough "$VENV/bin/python"; then
    python=$(find_python) || fail "FORLLM needs Python 3.12 or newer; none was found."
    say "Making .venv with $python ..."
    rm -rf "$VENV.old"
    [ ! -e "$VENV" ] || mv "$VENV" "$VENV.old"  # at once, so that no half of it stays
    rm -rf "$VENV.old"
    "$python" -m venv "$VENV" >/dev/null 2>&1 || {
        rm -rf "$VENV"
        fail "$python has no venv module; on Debian: apt-get install python3-venv"
    }
fi
"$VENV/bin/python" -m pip --version >/dev/null 2>&1 ||
    "$VENV/bin/python" -m ensurepip >/dev/null 2>&1 ||
    fail "There is no pip for $VENV; on Debian: apt-get install python3-venv"

touch "$BUSY"
say "Installing the packages of requirements.lock (about 350 MB the first time) ..."
options="--no-deps --require-hashes --only-binary :all: --quiet"
uv() { VIRTUAL_ENV=$VENV "$VENV/bin/python" -m uv "$@"; }
if ! uv --version >/dev/null 2>&1; then
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        --only-binary :all: uv >/dev/null 2>&1 || true
fi
# shellcheck disable=SC2086  # the options are words
if uv --version >/dev/null 2>&1 &&
    uv pip install --compile-bytecode $options -r requirements.lock
then :
else
    "$VENV/bin/python" -m pip install --disable-pip-version-check $options \
        -r requirements.lock || {
        rm -f "$BUSY"
        fail "The packages could not be installed."
    }
fi
rm -f "$BUSY"
wanted >"$STAMP"
