# Sourced by the commands in hack/: brings a machine with nothing on it to where the pinned Node can run their
# TypeScript. Quick when everything is there. Sets NODE.

NODE_VERSION=26.10.0
PACKAGES="busybox-static ca-certificates conntrack containerd containernetworking-plugins curl ethtool iproute2
  iptables libatomic1 procps runc socat tini util-linux"

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=/var/cache/nodelet
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '[  setup] %s\n' "$*" >&2; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# quietly TITLE COMMAND...: shows what COMMAND said only when it fails.
quietly() {
  local title=$1 log
  shift
  say "$title"
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    fail "failed: $title. Check the network and the package sources, then run it again."
  fi
  rm -f "$log"
}

require_root() {
  [ "$(id -u)" = 0 ] || fail "$0 makes namespaces, mounts and cgroups: run it as root, e.g. sudo $0"
}

install_packages() {
  local missing=() package installed
  # dpkg-query fails when it does not know one of them, and lists the others all the same.
  installed=$(dpkg-query --show --showformat='${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep --quiet --extended-regexp "^$package(:[a-z0-9]+)? installed$" <<<"$installed" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  if [ -z "${has_package_lists-}" ]; then
    quietly "package lists" apt-get update
    has_package_lists=yes
  fi
  # The nodes have a containerd each; the host's own is never to run because of us.
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made_policy=$policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  quietly "Debian packages: ${missing[*]}" \
    env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
  if [ -n "$made_policy" ]; then
    rm -f "$made_policy"
    trap - EXIT
  fi
  case " ${missing[*]} " in
    *" containerd "*) systemctl disable --quiet containerd.service 2>/dev/null || true ;; # no systemd, no service
  esac
}

# Each control plane and node follows some thirty things by inotify; the kernel's default of 128 is too few for a handful.
raise_inotify_limit() {
  local limit=/proc/sys/fs/inotify/max_user_instances
  [ "$(cat "$limit")" -ge 1024 ] && return
  say "fs.inotify.max_user_instances: from $(cat "$limit") to 1024"
  echo 1024 >"$limit"
}

# What Kubernetes' own suite and its images are built with and served from.
install_suite_packages() {
  local had_registry
  had_registry=$(command -v docker-registry || true)
  install_packages bzip2 docker-registry gcc libc6-dev make
  if [ -z "$had_registry" ]; then
    # Only nodes run it; the host's own is never to start because of us.
    systemctl disable --quiet docker-registry.service 2>/dev/null || true # no systemd, no service
  fi
}

install_node() {
  local architecture directory=$cache/node-$NODE_VERSION scratch
  NODE=$directory/bin/node
  [ -x "$NODE" ] && return
  case $(uname -m) in
    x86_64) architecture=x64 ;;
    aarch64) architecture=arm64 ;;
    *) fail "no Node for $(uname -m): nodelet runs on x86_64 and aarch64" ;;
  esac
  command -v npm >/dev/null || install_packages npm
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/node.XXXXXX")
  quietly "Node $NODE_VERSION" npm pack --silent --pack-destination "$scratch" "node-linux-$architecture@$NODE_VERSION"
  tar -xzf "$scratch"/*.tgz -C "$scratch"
  chmod 0755 "$scratch/package" "$scratch/package/bin/node"
  rm -rf "$directory"
  mv "$scratch/package" "$directory"
  rm -rf "$scratch"
}

install_dependencies() {
  # npm writes this file last.
  [ "$checkout/node_modules/.package-lock.json" -nt "$checkout/package-lock.json" ] && return
  command -v npm >/dev/null || install_packages npm
  # `npm ci` refuses a lock file without the optional packages of other systems, which not every registry has.
  quietly "npm packages" npm install --no-save --prefix "$checkout" --no-audit --no-fund
  touch "$checkout/node_modules/.package-lock.json"
}

bootstrap() {
  require_root
  command -v apt-get >/dev/null || fail "this needs Debian 12 or newer, or a system derived from it"
  # shellcheck disable=SC2086 # a list of words
  install_packages $PACKAGES
  install_node
  install_dependencies
}
