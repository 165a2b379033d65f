#!/bin/sh
# The Python environment in .venv, from requirements.lock with hashes.
set -eu
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "CloudSeat needs Python 3.11 or newer; this is: $("$PYTHON" --version 2>&1 || echo none)." \
         "Name another with: make PYTHON=python3.12 …" >&2
    exit 1
}
if [ ! -x "$VENV/bin/pip" ]; then
    "$PYTHON" -m venv "$VENV" || {
        echo "python -m venv failed: on Debian and Ubuntu run: apt-get install python3-venv" >&2
        exit 1
    }
fi
echo "Python environment (.venv)…"
uv_version=$(sed -n 's/^uv==\([^ ]*\) .*/\1/p' requirements.lock)
PIP_DISABLE_PIP_VERSION_CHECK=1 "$VENV/bin/pip" install --quiet "uv==$uv_version"
"$VENV/bin/uv" pip install --quiet --compile-bytecode --python "$VENV/bin/python" \
    --require-hashes -r requirements.lock
"$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --no-deps --no-build-isolation -e .
