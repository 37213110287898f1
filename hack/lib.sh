# Functions that every script of this folder shares. Source it; it starts nothing.
# shellcheck shell=bash

set -E
trap 'printf "%s: line %s: exit status %s: %s\n" "$0" "$LINENO" "$?" "$BASH_COMMAND" >&2' ERR # no silent end

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/rempart
TOOL_MODULE=$ROOT/hack/control-plane
PATH=$PATH:/usr/sbin:/sbin  # where Debian keeps runc, nft and debootstrap, and where a plain user does not look

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "$(basename "$0"): $*"
  exit 1
}

# usage: the comment at the head of the script that runs
usage() { sed -n '2,/^[^#]/ s/^# \?//p' "$0"; }

# seconds_since EPOCHREALTIME: "12.3"
seconds_since() {
  local us=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
  printf '%d.%d' $((us / 1000000)) $((us % 1000000 / 100000))
}

# run_long LABEL LOG COMMAND...: runs a long command or function quietly, with a line every 20 s so that nobody thinks
# it hangs. Its output goes to LOG, whose end is shown when it fails. It runs in a process group of its own, which
# Ctrl-C and SIGTERM end as a whole. (In an `if` or before `||`, bash lets a function run on after a command of it
# failed: there give it one whose last status tells.)
run_long() {
  local label=$1 log=$2 start=$EPOCHREALTIME pid finished status=0
  shift 2
  exec {finished}<> <(:) # a pipe without a name; the command's shell writes a line to it when it is done
  set -m
  (
    trap 'echo >&"$finished"' EXIT
    set -e
    "$@"
  ) </dev/null >"$log" 2>&1 &
  pid=$!
  set +m
  # shellcheck disable=SC2064  # the pid of now
  trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
  until read -r -t 20 <&"$finished"; do
    kill -0 "$pid" 2>/dev/null || break
    say "  $label: $(seconds_since "$start") s so far $(tail -n 1 "$log" | cut -c 1-100)"
  done
  wait "$pid" || status=$?
  trap - INT TERM
  exec {finished}>&-
  if ((status)); then
    kill -KILL -- "-$pid" 2>/dev/null || true # what it left running
    tail -n 100 "$log" >&2
    warn "$label failed (exit status $status, whole output in $log)"
  fi
  return "$status"
}

# with_lock FILE COMMAND...: one process at a time
with_lock() {
  local file=$1 fd
  shift
  mkdir -p "$(dirname "$file")"
  exec {fd}>"$file"
  if ! flock -w 2 "$fd"; then
    warn "waiting for another run that holds $file"
    flock "$fd"
  fi
  "$@"
  exec {fd}>&-
}

# wait_until SECONDS COMMAND...: asks ten times a second, for what gives no event; fails when the time is over
wait_until() {
  local end=$((SECONDS + $1)) pause
  shift
  exec {pause}<> <(:)
  until "$@"; do
    if ((SECONDS > end)); then
      exec {pause}>&-
      return 1
    fi
    read -rt 0.1 <&"$pause" || true
  done
  exec {pause}>&-
}

# as_root COMMAND...
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root or sudo for: $*"
  fi
}

# module_version MODULE: the version that hack/control-plane requires ("v1.36.3")
module_version() {
  awk -v m="$1" '$1 == "require" {sub(/^require /, "")} $1 == m && $2 ~ /^v/ {print $2; exit}' \
    "$TOOL_MODULE/go.mod" "$TOOL_MODULE/companions/go.mod"
}

# go_version: the Go release that hack/control-plane/go.mod asks for ("1.26.6")
go_version() { awk '$1 == "go" {print $2; exit}' "$TOOL_MODULE/go.mod"; }

# go_is_recent GO: whether this go is at least that release
go_is_recent() {
  local have
  have=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  printf '%s\n%s\n' "$(go_version)" "${have#go}" | sort -V -C
}

# has_go: whether there is one, installed by hack/bootstrap or by someone else
has_go() { [[ -e $CACHE/go/$(go_version)/ready ]] || { command -v go >/dev/null && go_is_recent go; }; }

# use_go: puts it on PATH
use_go() {
  local own
  own=$CACHE/go/$(go_version)
  has_go || die "no Go $(go_version) or newer: hack/bootstrap go"
  [[ ! -e $own/ready ]] || PATH=$own/bin:$PATH
  export PATH GOTOOLCHAIN=local GOWORK=off
}

# The linker's flags of the cluster's programs: small, and they say their true version.
tool_ldflags() {
  local kubernetes helm package flags='-s -w'
  kubernetes=$(module_version k8s.io/kubernetes)
  helm=$(module_version helm.sh/helm/v3)
  local digits=${kubernetes#v}
  local major=${digits%%.*} minor=${digits#*.}
  minor=${minor%%.*}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    flags+=" -X $package.gitTreeState=clean"
  done
  flags+=" -X helm.sh/helm/v3/internal/version.version=$helm"
  for package in helm.sh/helm/v3/pkg/chartutil helm.sh/helm/v3/pkg/lint/rules; do
    flags+=" -X $package.k8sVersionMajor=$major -X $package.k8sVersionMinor=$minor"
  done
  flags+=" -X github.com/distribution/distribution/v3/version.version=$(module_version github.com/distribution/distribution/v3)"
  say "$flags"
}

# tools_dir: where the cluster's programs are (one folder a combination of versions and flags)
tools_dir() {
  local hash
  hash=$({
    cat "$TOOL_MODULE"/go.* "$TOOL_MODULE"/companions/go.*
    tool_ldflags
  } | sha256sum)
  say "$CACHE/tools/${hash:0:16}"
}

# pod_security_fixtures: where the pods are that Pod Security admission's own tests hold to the level restricted, in its
# newest version: pass/*.yaml and fail/*.yaml, as hack/bootstrap takes them from the module that hack/control-plane pins
pod_security_fixtures() { say "$(tools_dir)/pod-security-restricted"; }

# our_git ARGUMENT...: git in this checkout, whoever owns its files
our_git() { git -c safe.directory="$ROOT" -C "$ROOT" "$@"; }

# build_dir PRESET: as CMakePresets.json has it
build_dir() {
  case $1 in
    dev) say "$ROOT/build" ;;
    release | asan | tsan | fuzz) say "$ROOT/build/$1" ;;
    *) die "there is no preset '$1' (dev release asan tsan fuzz)" ;;
  esac
}

# build_jobs: compile jobs at once: a core each, and 2 GiB of memory each
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(($(awk '/^MemAvailable:/ {print $2}' /proc/meminfo) / 2097152))
  ((memory < cores)) && cores=$memory
  ((cores < 1)) && cores=1
  say "$cores"
}
