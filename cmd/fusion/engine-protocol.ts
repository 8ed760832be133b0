/** Between a gateway and an engine, beside what a pipe sends to both. */

/** The name of the key that a request came with; the gateway has checked that it may. */
export const keyHeader = 'x-fustor-key';
