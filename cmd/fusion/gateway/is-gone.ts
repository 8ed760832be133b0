import type {HttpBindings} from '@hono/node-server';
import type {GatewayContext} from './app.ts';

/** The client hung up, so nobody needs the rest. */
export function isGone({env}: GatewayContext): boolean {
  return (env as Partial<HttpBindings> | undefined)?.outgoing?.destroyed === true;
}
