import {controlHeartbeat} from '../../../core/control/protocol.ts';
import {mayWait, queryOf} from '../../http/api.ts';
import {demandNode} from '../../http/keys.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts} from '../app.ts';

/** Some hundred pipes that have all died talking. */
const bodyBytesMax = 8 * 2 ** 20;

/** `POST /api/v1/control/heartbeat`: what shells say, held until there is a command. */
export function heartbeatRoutes(app: ControllerApp, {controller, identity, clock, leaving}: ControllerAppParts): void {
  app.post('/api/v1/control/heartbeat', async context => {
    readParameters(queryOf(context), []);
    const request = await readJson(context, controlHeartbeat, {bytesMax: bodyBytesMax});
    const {agent_id: id, kind = 'agent', instance, shell} = request;
    demandNode(context.get('key'), {kind, id});
    const {host, machine_id: machineId} = shell;
    identity.clones.hear({kind, id, instance, host, machineId, at: clock.now()});
    const until = mayWait(context, leaving);
    return context.json({data: await controller.heartbeat(request, context.get('key').name, until)});
  });
}
