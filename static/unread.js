// Unread messages: their number, and the first of them. Does not touch the DOM.

import { compareIds } from "./id.js";

/**
 * `onChange` is called when `count` or `firstId` changed. The user is `present` while they look at the newest messages.
 */
export class UnreadTracker {
  #present;
  #onChange;
  /** Messages of others since the user left. */
  count = 0;
  /** The id of the first message that was unread when it arrived; null where there is none. */
  firstId = null;

  constructor({ present = true, onChange }) {
    this.#present = present;
    this.#onChange = onChange;
  }

  /** Counts the messages since the one read last, on an earlier visit. */
  resume(messages, lastReadId) {
    if (lastReadId === null) return;
    const unread = messages.filter(({ id }) => compareIds(id, lastReadId) > 0);
    if (unread.length === 0 || unread.length === messages.length) return;
    this.firstId = unread[0].id;
    this.count = this.#present ? 0 : unread.length;
    this.#onChange();
  }

  /** Counts a message of another person. */
  add({ id }) {
    if (this.#present) return;
    if (this.count === 0) this.firstId = id;
    this.count += 1;
    this.#onChange();
  }

  /** Removes the mark: who writes has read the messages above. */
  clearMark() {
    if (this.firstId === null) return;
    this.firstId = null;
    this.#onChange();
  }

  get present() {
    return this.#present;
  }

  set present(present) {
    this.#present = present;
    if (!present || this.count === 0) return;
    this.count = 0;
    this.#onChange();
  }
}
