import {runVerb, type Verb} from '../../cmd/ctl/verb.ts';

export type VerbSettings = {env?: NodeJS.ProcessEnv; isTerminal?: boolean; write?: (data: Buffer) => unknown};

/** Runs a verb of `fustorctl` in this process, as a key of scripts, and tells what it wrote and its exit code. */
export async function runAt<F extends object>(
  url: string,
  verb: Verb<F>,
  args: string[],
  {env = {}, isTerminal = false, write}: VerbSettings = {},
) {
  const chunks: Buffer[] = [];
  let err = '';
  const exit = await runVerb(verb, args, {
    env: {FUSTOR_ENDPOINT: url, FUSTOR_KEY: 'key-of-scripts', FUSTOR_VIEW: 'research', ...env},
    isTerminal,
    write: async data => {
      chunks.push(Buffer.from(data as string));
      await write?.(chunks.at(-1)!);
    },
    notice: text => {
      err += `${text}\n`;
    },
  });
  const bytes = Buffer.concat(chunks);
  return {exit, bytes, out: bytes.toString(), err};
}
