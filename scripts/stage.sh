# Sourced by the scripts that run checks: `stage NAME COMMAND...` runs a command under a heading and says how long it took.
# A stage that fails ends the script, which then names it.

stage() {
  current_stage=$1
  shift
  local began=$SECONDS
  printf '\n== %s\n' "$current_stage"
  "$@"
  printf '   %s: %d s\n' "$current_stage" $((SECONDS - began))
  current_stage=
}

report_failure() {
  local code=$?
  if ((code != 0)); then
    printf '\nFailed: %s\n' "${current_stage:-${0##*/}}" >&2
  fi
}
trap report_failure EXIT

# formatted fails, naming them, when there are files that gofmt would change.
formatted() {
  local files
  files=$(gofmt -l app assets gateway scripts sim)
  if [[ -n $files ]]; then
    printf 'gofmt would change:\n%s\n' "$files" >&2
    return 1
  fi
}

# without_c lists the packages that build without a C compiler, which is all but the window's root. Listing needs none.
without_c() {
  CGO_ENABLED=1 "$GO" list -tags headless ./... | grep -vx 'gatehouse/app/desktop'
}

# tested passes on what `go test` prints, without the packages that have no tests. Its end is go test's own, by pipefail.
tested() { grep -v '\[no test files\]' || true; }
