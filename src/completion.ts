/** A command of the program, as its completion knows it. */
export interface CompletedCommand {
  readonly name: string;
  /** `--json` and the like. */
  readonly options: readonly string[];
  /** Words that may stand first. */
  readonly words: readonly string[];
  /** True where a person may be named. */
  readonly takesPerson: boolean;
}

/** The hidden command that says whom a running server knows. */
export const PEOPLE_COMMAND = "people-for-completion";

/** A script for bash: completes commands, options, words, files after `--config`, and people of the running server. Load it with `source <(lamplight completion)`. */
export function completionScript(commands: readonly CompletedCommand[]): string {
  const branch = ({ name, options, words, takesPerson }: CompletedCommand): string => {
    const person = takesPerson ? `\n      [[ $word -ge ${words.length > 0 ? "2" : "1"} ]] && choices=$("\${COMP_WORDS[0]}" ${PEOPLE_COMMAND} "\${config[@]}" 2>/dev/null)` : "";
    return `    ${name})\n      options="${options.join(" ")}"\n${words.length > 0 ? `      [[ $word -eq 1 ]] && choices="${words.join(" ")}"` : "      :"}${person}\n      ;;\n`;
  };
  return `# Completion of lamplight for bash: source <(lamplight completion)
_lamplight() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" command="\${COMP_WORDS[1]}" options="" choices="" word=0 at
  local config=()
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$current"))
    return
  fi
  if [[ $previous == --config || $previous == --data ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  # Which word of the command this is; options and their values do not count.
  for ((at = 2; at <= COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      --config) config=(--config "\${COMP_WORDS[at + 1]}"); at=$((at + 1)) ;;
      --data | --at | --speed | --people | --seed) at=$((at + 1)) ;;
      -*) ;;
      *) word=$((word + 1)) ;;
    esac
  done
  case "$command" in
${commands.map(branch).join("")}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -n $choices ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _lamplight lamplight
`;
}
