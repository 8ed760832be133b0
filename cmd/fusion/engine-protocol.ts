import {z} from 'zod';
import type {Unreached} from '../../core/protocol/sync-point.ts';

/** Between a gateway and an engine, beside what a pipe sends to both. */

/** The name of the key that a request came with; the gateway has checked that it may. */
export const keyHeader = 'x-fustor-key';

/** `POST /scans`: the path, in normal form, as base64url of its bytes. */
export const scanRequest = z.strictObject({path: z.string(), recursive: z.boolean()});
export type ScanRequestBody = z.output<typeof scanRequest>;

/** `POST /sync-points`: held until one is reached, or not for so long. */
export const syncPointBody = z.strictObject({timeout_ms: z.number().int().nonnegative()});
export type SyncPointBody = z.output<typeof syncPointBody>;
export type SyncPointData = {seq: number} | Unreached;
