// CompletionScript: see completion.h.
#include "operator/main/completion.h"

namespace rempart {
namespace {

// The line is split anew, since bash takes "=" for a word of its own. What it replaces is then the value alone, and
// that is what __complete prints.
constexpr char kBash[] = R"(# bash completion of kubectl-rempart
_kubectl_rempart() {
  local line=${COMP_LINE:0:COMP_POINT} out candidate words=()
  COMPREPLY=()
  read -ra words <<<"$line"
  if [[ $line == *[[:space:]] ]]; then words+=(''); fi
  out=$(kubectl-rempart __complete "${words[@]:1}" 2>/dev/null) || return 0
  if [[ ${out##*:} != 0 ]]; then compopt +o default 2>/dev/null; fi
  while IFS=$'\t' read -r candidate _; do
    if [[ $candidate && $candidate != :* ]]; then COMPREPLY+=("$candidate"); fi
  done <<<"$out"
}
complete -o default -F _kubectl_rempart kubectl-rempart
)";

constexpr char kZsh[] = R"(#compdef kubectl-rempart
# zsh completion of kubectl-rempart
_kubectl_rempart() {
  local out line
  local -a candidates
  out=$(kubectl-rempart __complete "${(@)words[2,CURRENT]}" 2>/dev/null) || return 1
  for line in "${(@f)out}"; do
    [[ -z $line || $line == :* ]] && continue
    line=${line//:/\\:}
    candidates+=("${line/$'\t'/:}")
  done
  compset -P '--*='
  if (( ${#candidates} )); then
    _describe 'candidates' candidates
  elif [[ ${out##*:} == 0 ]]; then
    _files
  fi
}
if [[ $funcstack[1] == _kubectl_rempart ]]; then
  _kubectl_rempart "$@"
else
  compdef _kubectl_rempart kubectl-rempart
fi
)";

// Quotes: without, a variable that holds nothing makes nothing of the whole word.
constexpr char kFish[] = R"(# fish completion of kubectl-rempart
function __kubectl_rempart_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l prefix (string match -r -- '^--[^=]*=' $typed)
    set -l out (kubectl-rempart __complete $words[2..-1] "$typed" 2>/dev/null)
    or return
    if test (count $out) -eq 1; and test $out[1] = ':0'
        set out (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$typed"))
    else
        set -e out[-1]
    end
    for line in $out
        echo "$prefix$line"
    end
end
complete -c kubectl-rempart -f -a '(__kubectl_rempart_complete)'
)";

}  // namespace

std::string CompletionScript(const std::string& shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return {};
}

}  // namespace rempart
