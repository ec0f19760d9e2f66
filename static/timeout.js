// AbortSignal.timeout, which some browsers of 2022 lack.

/** Returns a signal that aborts after a time. */
export function timeoutSignal(ms) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}
