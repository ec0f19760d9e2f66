// What the person has not seen yet: how many messages, and where they left off. Knows no DOM.

import { compare } from "./id.js";

/** `changed` is called when `count` or `mark` have. Somebody is present who looks at the newest messages. */
export class Attention {
  #present;
  #changed;
  /** Messages of others that came while the person was away. */
  count = 0;
  /** The id of the first message after which the person had left; null when they never did. */
  mark = null;

  constructor({ present = true, changed }) {
    this.#present = present;
    this.#changed = changed;
  }

  /** What came before the page was opened, since the message that was seen last. */
  resume(messages, seen) {
    if (seen === null) return;
    const fresh = messages.filter(({ id }) => compare(id, seen) > 0);
    if (fresh.length === 0 || fresh.length === messages.length) return;
    this.mark = fresh[0].id;
    this.count = this.#present ? 0 : fresh.length;
    this.#changed();
  }

  /** Somebody else said something. */
  arrived({ id }) {
    if (this.#present) return;
    if (this.count === 0) this.mark = id;
    this.count += 1;
    this.#changed();
  }

  /** The person said something: they have read what is above. */
  said() {
    if (this.mark === null) return;
    this.mark = null;
    this.#changed();
  }

  get present() {
    return this.#present;
  }

  set present(present) {
    this.#present = present;
    if (!present || this.count === 0) return;
    this.count = 0;
    this.#changed();
  }
}
