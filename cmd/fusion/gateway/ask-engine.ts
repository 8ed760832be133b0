import {FustorError} from '../../../core/errors/fustor-error.ts';
import {requestUnix, type UnixRequest, type UnixResponse} from '../../unix-socket.ts';
import {keyHeader} from '../engine-protocol.ts';
import type {View} from './views.ts';

export type EngineQuestion = Omit<UnixRequest, 'socket'> & {
  /** Name of the key of the request. */
  key: string;
};

/** Asks the writer of a view. Throws ENGINE_UNAVAILABLE when it does not answer in time, or `signal` aborts. */
export async function askEngine(
  {name, engineSocket}: View,
  {key, headers, ...question}: EngineQuestion,
): Promise<UnixResponse> {
  try {
    return await requestUnix({...question, socket: engineSocket, headers: {...headers, [keyHeader]: key}});
  } catch (cause) {
    throw new FustorError('ENGINE_UNAVAILABLE', `The engine of the view "${name}" does not answer now.`, {
      cause,
      hint: 'Send it again in a moment; queries go on meanwhile.',
    });
  }
}
