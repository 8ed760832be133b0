import type {MiddlewareHandler} from 'hono';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {AuditFacts, AuditLog} from '../../core/identity/audit-log.ts';
import type {Log} from '../../core/log/log.ts';
import type {Clock} from '../../core/time/clock.ts';
import {type ApiEnv, routeOf} from '../http/api.ts';
import {mayOrder} from '../http/keys.ts';
import type {ControllerContext} from './app.ts';

/** What asks, without changing anything by it. */
const asking = new Set(['GET', 'HEAD', 'OPTIONS']);
/** What nodes do all the time; with an administrator's key it is no more than that. */
const ofNodes = new Set(['/api/v1/control/heartbeat', '/api/v1/control/renew']);

/**
 * Records every request that an administrator or operator changes something with, or tries to, whatever its route: nobody can
 * forget it. It is in the store before the answer is sent. A route says more about itself with `audited`.
 */
export function auditRequests({
  audit,
  clock,
  log,
}: {
  audit: AuditLog;
  clock: Clock;
  log: Log;
}): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const address = addressOf(context);
    await next();
    const {method, path} = context.req;
    if (asking.has(method) || ofNodes.has(path)) return;
    const key = context.get('key');
    const facts = context.get('audit');
    const isOrdered = key !== undefined && mayOrder(key);
    if (!isOrdered && facts === undefined) return;
    const record = {
      at: clock.now(),
      who: key?.name ?? facts?.by ?? 'unknown',
      user: key?.user,
      address,
      action: facts?.action ?? `${method} ${routeOf(context)}`,
      subject: facts?.subject ?? path,
      outcome: outcomeOf(context.res.status),
      code: context.error instanceof FustorError ? context.error.code : undefined,
      details: facts?.details,
    };
    await audit.add(record).catch(error => {
      // It has been done: to say otherwise would be worse. The log has what the store has not.
      log.error({error: String(error), record}, 'an action of an administrator could not be recorded');
    });
  };
}

/** What the audit log says of this request: what is done to what, and nothing that is secret. */
export function audited(context: ControllerContext, facts: AuditFacts): void {
  context.set('audit', facts);
}

function outcomeOf(status: number): 'done' | 'refused' | 'failed' {
  if (status < 400) return 'done';
  return status < 500 ? 'refused' : 'failed';
}

/**
 * Of an embedded controller only gateways are clients: what they say of theirs counts. To be asked when a request has come:
 * the connection of a client that has hung up has no address, either.
 */
function addressOf({env, req}: ControllerContext): string | undefined {
  const address = env?.incoming?.socket.remoteAddress;
  return address ?? (env?.incoming ? req.header('x-forwarded-for') : undefined);
}
