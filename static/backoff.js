// When to try again: full jitter, so that a thousand pages do not come back at once.

const FIRST_MS = 500;
const MOST_MS = 15_000;

/** Grows with each failure, starts anew after a success. */
export class Backoff {
  #failures = 0;
  #random;

  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Milliseconds to wait now: what the server asked for, and then a random part of a growing span. */
  next(retryAfterMs = 0) {
    const span = Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max(0, retryAfterMs) + this.#random() * span;
  }

  reset() {
    this.#failures = 0;
  }
}
