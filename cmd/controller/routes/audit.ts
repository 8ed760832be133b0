import {z} from 'zod';
import {queryOf} from '../../http/api.ts';
import {integerParameter, parseParameters, readParameters} from '../../http/parameters.ts';
import type {ControllerApp, ControllerAppParts} from '../app.ts';

export const auditParameters = z.object({
  limit: integerParameter({min: 1, max: 1_000}).default(100).describe('At most so many records. Default: 100'),
  cursor: integerParameter({min: 1, max: 999_999_999_999}).optional().describe('"next_cursor" of the page before.'),
});

/** `GET /api/v1/audit`: what administrators did, the newest first. */
export function auditRoutes(app: ControllerApp, {identity}: ControllerAppParts): void {
  app.get('/api/v1/audit', context => {
    const raw = readParameters(queryOf(context), Object.keys(auditParameters.shape));
    const {limit, cursor} = parseParameters(raw, auditParameters);
    const {records, nextCursor} = identity.audit.page({limit, cursor});
    return context.json({data: records, meta: {next_cursor: nextCursor === undefined ? null : String(nextCursor)}});
  });
}
