import {FustorError} from '../../../core/errors/fustor-error.ts';
import {filesMark} from '../complete.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** The scripts know no verbs: they hand the words that are typed to `fustorctl __complete`, so they need no renewal. */
export const completion: Verb<object> = {
  name: 'completion',
  summary:
    'Print a script that completes verbs, flags, and names that the server knows. For example: eval "$(fustorctl completion bash)"',
  declare: command => command.argument('<shell>', `one of ${shells.join(', ')}`),
  isLocal: true,
  completes: [shells, 'nothing'],
  nameOf: ({shell}) => String(shell),

  run: async ({argument, isJson, io}) => {
    const shell = shells.find(one => one === argument);
    if (!shell) throw new FustorError('USAGE', `There is no script for "${argument}"; there are ${shells.join(', ')}.`);
    await io.write(isJson ? jsonDocument({data: {shell, script: scripts[shell]}}) : scripts[shell]);
    return 0;
  },
};

const scripts = {
  bash: `_fustorctl() {
  local line current="\${COMP_WORDS[COMP_CWORD]}"
  [ "$current" = "=" ] && current=
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = "${filesMark}" ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("$line")
    fi
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _fustorctl fustorctl
`,
  zsh: `#compdef fustorctl
_fustorctl() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${found[(Ie)${filesMark}]} )); then
    _files
    found=("\${(@)found:#${filesMark}}")
  fi
  found=("\${(@)found:#}")
  (( \${#found} )) && compadd -- "\${found[@]}"
}
compdef _fustorctl fustorctl
`,
  fish: `function __fustorctl_complete
  set -l words (commandline -opc)
  for line in ($words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)
    if test "$line" = "${filesMark}"
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c fustorctl -f -a '(__fustorctl_complete)'
`,
};
