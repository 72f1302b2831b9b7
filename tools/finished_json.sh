# shellcheck shell=bash
# Sourced by the tools that move a finished JSON to the path of --benchmark_out.

# target_of PATH: prints the file to replace, links resolved. Where a directory, a device, a pipe or
# what may not be written is, it fails, with one line on stderr.
target_of() {
  local why
  if [[ -d $1 || $1 == */ ]]; then
    why="is a directory; name a file in it"
  elif [[ -e $1 && ! -f $1 ]]; then
    why="is not a regular file, and would be replaced by one; name another"
  elif [[ -e $1 && ! -w $1 ]]; then
    why="is not yours to write; name another"
  else
    realpath --canonicalize-missing -- "$1"
    return
  fi
  echo "tools/${0##*/}: write '$1': $why" >&2
  return 1
}

# give_name UNFINISHED TARGET: moves what was measured to its name, or says where it is.
give_name() {
  mv -f -T -- "$1" "$2" && return
  local kept
  kept=$(mktemp --tmpdir "pagestall-XXXXXX.json")
  cat -- "$1" >"$kept"
  echo "tools/${0##*/}: what was measured is in $kept" >&2
  return 1
}
