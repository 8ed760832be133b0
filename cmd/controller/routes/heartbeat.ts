import {controlHeartbeat} from '../../../core/control/protocol.ts';
import {LateAnswers} from '../../http/answer-later.ts';
import {queryOf, type RetryAfter} from '../../http/api.ts';
import {demandNode} from '../../http/keys.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts} from '../app.ts';

/** Some hundred pipes that have all died talking. */
const bodyBytesMax = 8 * 2 ** 20;

/** `POST /api/v1/control/heartbeat`: what shells say, held until there is a command. */
export function heartbeatRoutes(app: ControllerApp, parts: ControllerAppParts & {retryAfter: RetryAfter}): void {
  const {controller, identity, clock} = parts;
  const late = new LateAnswers(parts);
  app.post('/api/v1/control/heartbeat', async context => {
    readParameters(queryOf(context), []);
    const request = await readJson(context, controlHeartbeat, {bytesMax: bodyBytesMax});
    const {agent_id: id, kind = 'agent', instance, shell} = request;
    demandNode(context.get('key'), {kind, id});
    const {host, machine_id: machineId} = shell;
    identity.clones.hear({kind, id, instance, host, machineId, at: clock.now()});
    const key = context.get('key').name;
    return late.answer(context, async until => {
      const data = await controller.heartbeat(request, key, until);
      return {status: 200, headers: {'content-type': 'application/json'}, body: JSON.stringify({data})};
    });
  });
}
