#!/usr/bin/env bash
# Checks and measures everything that needs an NVIDIA GPU, in four minutes:
#
#     bash benchmarks/gpu_check.sh [--wheels DIR] [--out DIR] [--dry-run] [--list]
#
#   --wheels DIR  install onnxruntime-gpu and other packages from DIR, for a machine without a
#                 network: DIR/onnxruntime.tar.xz.00, .01, ... (pieces of a packed site folder) and
#                 DIR/wheels/*.whl. Without it, what is installed is used.
#   --out DIR     where results go; $OUT or ./gpu-check by default. Each result is there at once.
#   --dry-run     run every step shortly on the CPU, and list what would be sent.
#   --list        only list what has to be sent to the GPU machine, and its size.
#
# The exit status is 0 if every step passed, 2 if one failed; a failed step does not stop the rest.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
python=${PYTHON:-python3} wheels="" out=${OUT:-gpu-check} provider=cuda list=0
largest=$((32 * 1024 * 1024)) # bytes of one piece

stop() { echo "gpu_check: $*" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --wheels) [ $# -gt 1 ] || stop "--wheels needs a folder"; wheels=$2; shift 2 ;;
    --out) [ $# -gt 1 ] || stop "--out needs a folder"; out=$2; shift 2 ;;
    --dry-run) provider=cpu; list=1; shift ;;
    --list) provider=none; list=1; shift ;;
    -h | --help) sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) stop "unknown option $1: see --help" ;;
  esac
done
[ -z "$wheels" ] || [ -d "$wheels" ] || stop "$wheels is not a folder: give the one with the wheels"

pieces() { [ -z "$wheels" ] || find "$wheels" -type f \( -name '*.whl' -o -name 'onnxruntime.tar.xz.*' \) | sort; }

# What goes to the GPU machine: the checkout without ignored files, and the pieces.
if [ $list = 1 ]; then
  echo "to send:"
  git ls-files -z --cached --others --exclude-standard | xargs -0 du -cb 2>/dev/null |
    awk '$2 == "total" { bytes += $1 } END { printf "%9.1f MB  the checkout, without ignored files\n", bytes / 1e6 }'
  pieces | while read -r piece; do
    printf '%9.1f MB  %s\n' "$(stat -c %s "$piece" | awk '{ print $1 / 1e6 }')" "$piece"
  done
  [ -n "$wheels" ] || echo "          nothing else: no --wheels, so the machine needs onnxruntime-gpu installed"
fi
pieces | while read -r piece; do
  [ "$(stat -c %s "$piece")" -le $largest ] || { echo "$piece" && break; }
done | grep . && stop "this piece is larger than 32 MB: cut it smaller (split -b 32M)"
[ $provider != none ] || exit 0

mkdir -p "$out" || stop "cannot write to $out"
if [ -n "$wheels" ] && [ $provider = cuda ]; then
  site=$(mktemp -d) && started=$(date +%s) || stop "no temporary folder"
  packages=$(find "$wheels" -type f -name '*.whl')
  # shellcheck disable=SC2086 # one argument each
  [ -z "$packages" ] || "$python" -m pip install -q --no-index --no-deps --no-compile \
    --target "$site" $packages >>"$out/gpu_check.log" 2>&1 || echo "some wheels were not installed: see $out/gpu_check.log"
  find "$wheels" -type f -name 'onnxruntime.tar.xz.*' -print0 | sort -z | xargs -0 cat |
    tar -xJ -C "$site" || stop "the pieces of onnxruntime do not unpack: are all of them in $wheels?"
  export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
  echo "installed in $(($(date +%s) - started)) s"
fi
exec "$python" -m benchmarks gpu-check --out "$out" --provider "$provider"
