import type {CommandEnd, NodeOrder} from '../../core/control/control-loop.ts';
import type {PartCommand} from '../../core/shell/part-report.ts';

/** What executes commands to parts: a fleet. */
type Executing = {execute(command: PartCommand, part: string): Promise<string>};

/** Does what a controller orders. Rejects with why it cannot. */
export async function executeOnParts({command, part}: NodeOrder, parts: Executing): Promise<CommandEnd> {
  if (part === null || (command !== 'restart' && command !== 'kill')) {
    throw new Error(`This version does not know the command "${command}"${part === null ? ' without a part' : ''}.`);
  }
  return {message: await parts.execute(command, part)};
}
