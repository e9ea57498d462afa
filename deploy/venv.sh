#!/usr/bin/env bash
# Makes the Python environment that the locked requirements describe, once for each lock, and prints its path.
# Beside the checkout's own files there is nothing to clean up, and two checkouts of one lock share it.
set -euo pipefail

lock=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/requirements/development.txt
cache=$HOME/.cache/keddah/venv
venv=$cache/$(sha256sum <"$lock" | cut -c1-16)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "keddah needs Python 3.11 or newer; python3 is $(python3 --version)" >&2; exit 1; }

# What deploy/progress.py does for programs in Python: its words in a log, and a line every ten seconds.
logged() {
    local what=$1 started=$SECONDS
    shift
    "$@" >>"$log" 2>&1 </dev/null &
    local program=$!
    while kill -0 "$program" 2>/dev/null; do
        sleep 0.5
        (( SECONDS > started && (SECONDS - started) % 10 == 0 && SECONDS != ${said:-0} )) || continue
        said=$SECONDS
        echo "$what: $((SECONDS - started)) s" >&2
    done
    wait "$program" || { tail -n 40 "$log" >&2; echo "$what failed; all that was said is in $log" >&2; exit 1; }
}

mkdir -p "$cache"
exec 9>"$venv.lock"
until flock -w 10 9; do
    echo "waiting for another process, which holds $venv.lock" >&2
done
if [[ ! -e $venv/complete ]]; then
    log=$HOME/.cache/keddah/logs/venv.log
    mkdir -p "${log%/*}"
    : >"$log"
    echo "installing the locked Python packages into $venv, a minute as a rule; what pip says is in $log" >&2
    rm -rf "$venv"
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
        [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null ||
            { echo "python3 has no venv module: install python3-venv" >&2; exit 1; }
        logged "apt-get update" apt-get -q update
        logged "installing python3-venv" apt-get install -qy --no-install-recommends python3-venv
    fi
    logged "making the environment" python3 -m venv "$venv"
    logged "installing Python packages" \
        "$venv/bin/pip" install --require-hashes --only-binary :all: --requirement "$lock"
    touch "$venv/complete"
fi
echo "$venv"
