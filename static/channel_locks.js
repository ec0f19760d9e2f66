// The part of Web Locks that the page needs, for pages over http, where browsers have none: tabs ask each other over a channel.

const ANSWER_MS = 250;

/** A tab that is frozen does not answer, and so seems to hold nothing: see `canLose`. */
export class ChannelLocks {
  #channel;
  #delay;
  #held = new Set();
  /** Requests of this tab that wait for an answer: the name, and the callback if another tab holds it. */
  #asking = new Map();
  /** Whether a tab can lose what it holds without noticing. */
  canLose = true;

  constructor({ channel = new BroadcastChannel("ruang.locks"), delay = (action) => setTimeout(action, ANSWER_MS) } = {}) {
    this.#channel = channel;
    this.#delay = delay;
    channel.onmessage = ({ data }) => this.#receive(data);
  }

  /** As in Web Locks. Without `ifAvailable` or `signal` the lock is taken for granted: its name is new. */
  async request(name, { ifAvailable, signal }, callback) {
    if (this.#held.has(name) || ((ifAvailable || signal) && (await this.#isHeldElsewhere(name)))) {
      if (ifAvailable) return callback(null);
      throw new DOMException("", "TimeoutError");
    }
    this.#held.add(name);
    try {
      return await callback({ name });
    } finally {
      this.#held.delete(name);
    }
  }

  #isHeldElsewhere(name) {
    return new Promise((resolve) => {
      const answer = (isHeld) => {
        this.#asking.delete(name);
        resolve(isHeld);
      };
      this.#asking.set(name, () => answer(true));
      this.#channel.postMessage({ ask: name });
      this.#delay(() => answer(false));
    });
  }

  #receive({ ask, held }) {
    if (ask !== undefined && this.#held.has(ask)) this.#channel.postMessage({ held: ask });
    if (held !== undefined) this.#asking.get(held)?.();
  }
}
