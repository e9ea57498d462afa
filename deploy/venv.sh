#!/usr/bin/env bash
# Makes the Python environment that the locked requirements describe, once for each lock, and prints its path.
# Beside the checkout's own files there is nothing to clean up, and two checkouts of one lock share it.
set -euo pipefail

lock=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/requirements/development.txt
cache=$HOME/.cache/keddah/venv
venv=$cache/$(sha256sum <"$lock" | cut -c1-16)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "keddah needs Python 3.11 or newer; python3 is $(python3 --version)" >&2; exit 1; }

mkdir -p "$cache"
exec 9>"$venv.lock"
flock 9
if [[ ! -e $venv/complete ]]; then
    echo "Installing the locked Python packages into $venv" >&2
    rm -rf "$venv"
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
        [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null ||
            { echo "python3 has no venv module: install python3-venv" >&2; exit 1; }
        { apt-get -q update && apt-get install -qy --no-install-recommends python3-venv; } >&2
    fi
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --require-hashes --only-binary :all: --requirement "$lock" >&2
    touch "$venv/complete"
fi
echo "$venv"
