/** Aborts at the first SIGTERM or SIGINT; a second one ends the process at once, as a person who presses Ctrl-C twice means. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted && name === 'SIGINT') process.exit(130);
      stop.abort();
    });
  }
  return stop.signal;
}
