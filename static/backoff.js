// Delays between attempts to connect, with full jitter, so that a thousand pages do not return at once.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** The range of the random delay doubles with each failure, up to a bound, and resets after a success. */
export class Backoff {
  #failures = 0;
  #random;

  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Returns the milliseconds to wait now: the delay that the server asked for plus a random one, of `longestMs` at most. */
  next(retryAfterMs = 0, longestMs = LONGEST_MS) {
    const range = Math.min(longestMs, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max(0, retryAfterMs) + this.#random() * range;
  }

  reset() {
    this.#failures = 0;
  }
}
