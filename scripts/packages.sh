#!/usr/bin/env bash
# Installs the system packages that are missing, and does nothing else.
#
#   scripts/packages.sh GROUP...
#
# Groups: build (C compiler and headers of the window), run (what a window needs to open), test (a display without a
# screen, and clients to test against), node (Node.js with npm, unless both are there already, from wherever). On Debian
# and Ubuntu apt-get installs them without a question, through sudo for anybody but root. Elsewhere the missing ones are
# named, and the exit code is 1.
set -euo pipefail

build_packages=(gcc libc6-dev pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev)
run_packages=(libgl1-mesa-dri)
test_packages=(xvfb xdotool imagemagick libgl1-mesa-dri mosquitto mosquitto-clients openssl nodejs)
node_packages=(nodejs npm)

# What the packages bring, for systems that call them otherwise.
build_commands=(gcc pkg-config)
build_libraries=(gl x11 xcursor xrandr xinerama xi xxf86vm)
test_commands=(Xvfb xdotool import mosquitto mosquitto_passwd mosquitto_pub mosquitto_sub openssl node)
node_commands=(node npm)

# need_go ends the script unless a Go is there that can build this.
need_go() {
  local version
  version=$("${GO:-go}" env GOVERSION 2>/dev/null) || version=none
  if [[ ! $version =~ ^go1\.([0-9]+) ]] || ((BASH_REMATCH[1] < 26)); then
    echo "Go 1.26 or newer is needed; found: $version" >&2
    exit 1
  fi
}

# missing_packages prints those of its arguments that dpkg does not have.
missing_packages() {
  local package
  for package in "$@"; do
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      echo "$package"
    fi
  done
}

# apt runs apt-get without questions, as root.
apt() {
  local as=()
  if ((EUID != 0)); then
    as=(sudo)
  fi
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends "$@" </dev/null
}

# install_packages installs its arguments; the package lists are fetched only when the known ones do not do.
install_packages() {
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    echo "These packages are missing, and there is no sudo to install them: $*" >&2
    exit 1
  fi
  echo "Installing $*"
  if ! apt install "$@" >/dev/null 2>&1; then
    apt update
    apt install "$@"
  fi
}

# name_missing says what to install by hand, and ends the script when anything is.
name_missing() {
  local group name missing=()
  for group in "$@"; do
    local -n commands="${group}_commands" libraries="${group}_libraries"
    for name in "${commands[@]:-}"; do
      [[ -z $name ]] || command -v "$name" >/dev/null || missing+=("the command $name")
    done
    for name in "${libraries[@]:-}"; do
      [[ -z $name ]] || pkg-config --exists "$name" 2>/dev/null || missing+=("the headers of $name")
    done
  done
  if ((${#missing[@]} > 0)); then
    printf 'Missing: %s\n' "${missing[@]}" >&2
    exit 1
  fi
}

main() {
  need_go
  if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    local group packages=() missing
    for group in "$@"; do
      if [[ $group == node ]] && command -v node >/dev/null && command -v npm >/dev/null; then
        continue # a Node.js of another origin brings its npm, and keeps Debian's out
      fi
      local -n of_group="${group}_packages"
      packages+=("${of_group[@]}")
    done
    mapfile -t missing < <(missing_packages "${packages[@]}" | sort -u)
    if ((${#missing[@]} > 0)); then
      install_packages "${missing[@]}"
    fi
    return
  fi
  if [[ $(uname) == Darwin ]]; then # the headers come with the compiler there
    build_libraries=()
  fi
  name_missing "$@"
}

run_commands=() run_libraries=() test_libraries=() node_libraries=()
main "$@"
