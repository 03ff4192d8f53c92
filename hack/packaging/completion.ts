// Completion for bash: commands first, then the flags that the command's help shows.
import type { Command } from 'commander';

export function formatCompletion(program: Command): string {
  const cases = listCommands(program).map(({ words, candidates }) => {
    return `    ${words === '' ? "''" : `'${words}'`}) candidates='${candidates.join(' ')}' ;;`;
  });
  return `# bash completion for nodelet
_nodelet() {
  local current=\${COMP_WORDS[COMP_CWORD]} words= word candidates=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) break ;; *) words="\${words:+$words }$word" ;; esac
  done
  case $words in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _nodelet nodelet
`;
}

interface Completed {
  readonly words: string;
  readonly candidates: readonly string[];
}

function listCommands(command: Command, parents: readonly string[] = []): readonly Completed[] {
  const words = parents.join(' ');
  const names = command.commands.map(child => child.name());
  const candidates = names.length > 0 ? names : listFlags(command);
  const children = command.commands.flatMap(child => listCommands(child, [...parents, child.name()]));
  return [{ words, candidates }, ...children];
}

function listFlags(command: Command): readonly string[] {
  return command.options.flatMap(({ long }) => long ?? []);
}
