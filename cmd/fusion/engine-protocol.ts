import {z} from 'zod';

/** Between a gateway and an engine, beside what a pipe sends to both. */

/** The name of the key that a request came with; the gateway has checked that it may. */
export const keyHeader = 'x-fustor-key';

/** `POST /scans`: the path, in normal form, as base64url of its bytes. */
export const scanRequest = z.strictObject({path: z.string(), recursive: z.boolean()});
export type ScanRequestBody = z.output<typeof scanRequest>;
