#!/usr/bin/env bash
# Builds the wheel with what an event passes through compiled to C, and the sdist that it is built from, in about two minutes.
#
#   deploy/build-wheel.sh               to dist/
#   deploy/build-wheel.sh DIRECTORY
#   CC=clang deploy/build-wheel.sh      another compiler than the one that Python was built with
#
# It runs on the Python of .venv, and the wheel is for that version and this platform. The tools come at the versions of
# constraints.txt, into an environment that is gone afterwards; nothing is written beside the sources. Exit code 2: there is
# nothing to compile with, and nothing was begun.
set -euo pipefail
directory=$(realpath -m "${1:-$(dirname "$0")/../dist}")
cd "$(dirname "$0")/.."

missing=$(.venv/bin/python - <<'PYTHON'
import os, pathlib, shlex, shutil, sysconfig

compiler, *_ = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
header = pathlib.Path(sysconfig.get_path("include"), "Python.h")
if shutil.which(compiler) is None:
    print(f"a C compiler: {compiler} is not on the PATH (Debian: apt-get install gcc libc6-dev; another one: CC=clang)")
elif not header.exists():
    print(f"Python's headers: {header} is not there (Debian: apt-get install python3-dev)")
PYTHON
)
if [ -n "$missing" ]; then
    echo "The compiled wheel needs $missing. The stream runs without it, too: pip install ." >&2
    exit 2
fi

mkdir -p "$directory"
rm -f "$directory"/amplitude_appsflyer_stream-*.{whl,tar.gz}
# The wheel is built from the sdist, so in a directory of its own: compiled modules beside the sources would be imported
# instead of them from then on.
PIP_CONSTRAINT=$PWD/constraints.txt HATCH_BUILD_HOOKS_ENABLE=1 .venv/bin/python -m build --outdir "$directory" .
