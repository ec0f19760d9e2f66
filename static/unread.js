// The newest message read, the number of unread ones and the first of them. Does not touch the DOM.

import { compareIds, distance, isSameEpoch } from "./id.js";

/**
 * `onChange` is called when `count`, `firstId` or `away` changed. The user is `present` while they look at the newest
 * messages.
 */
export class UnreadTracker {
  #present;
  #onChange;
  /** The id after which messages are unread; null where that is known by `firstId` alone. */
  #since = null;
  /** Messages of others since the user left. */
  count = 0;
  /** The id of the first message that was unread when it arrived; null where there is none. */
  firstId = null;
  /** The number of messages from the first unread one, once the user is back; 0 where they know their way. */
  away = 0;

  constructor({ present = true, onChange }) {
    this.#present = present;
    this.#onChange = onChange;
  }

  /**
   * Counts the messages since the one read last: on an earlier visit, or before the connection was lost. `others` are
   * the loaded messages of others, `loaded` is the number of all; earlier ones may be unread too, but not loaded.
   */
  resume(others, lastReadId, loaded = others.length) {
    if (lastReadId === null) return;
    const unread = others.filter(({ id }) => compareIds(id, lastReadId) > 0);
    if (unread.length === 0) return;
    const isPartial = unread.length === others.length;
    const missing = isPartial ? (distance(lastReadId, others.at(-1).id) ?? loaded) - loaded : 0;
    const total = unread.length + Math.max(0, missing);
    if (this.#present || this.count === 0) {
      this.#since = lastReadId;
      this.firstId = unread[0].id;
    }
    if (this.#present) this.away = total;
    else this.count = Math.max(this.count, total);
    this.#onChange();
  }

  /** Earlier messages of others were loaded: the first unread one may be among them. */
  locate(others) {
    if (this.#since === null || this.firstId === null) return;
    const first = others.find(({ id }) => compareIds(id, this.#since) > 0);
    if (!first || compareIds(first.id, this.firstId) >= 0) return;
    this.firstId = first.id;
    this.#onChange();
  }

  /** Whether unread messages can be older than this one. */
  isOlderUnread(id) {
    return this.firstId !== null && this.#since !== null && (distance(this.#since, id) ?? 0) > 1;
  }

  /** Counts a message of another person. */
  add({ id }) {
    if (this.#present) return;
    if (this.count === 0) {
      this.firstId = id;
      this.#since = null;
    }
    this.count += 1;
    this.#onChange();
  }

  /** Removes the mark: who writes has read the messages above. */
  clearMark() {
    if (this.firstId === null) return;
    this.firstId = null;
    this.away = 0;
    this.#onChange();
  }

  /** The user has found the first unread message. */
  clearAway() {
    if (this.away === 0) return;
    this.away = 0;
    this.#onChange();
  }

  get present() {
    return this.#present;
  }

  set present(present) {
    this.#present = present;
    if (!present || this.count === 0) return;
    this.away = this.count;
    this.count = 0;
    this.#onChange();
  }
}

/** The id of the newest message that the user has read on this device, shared by all tabs. */
export class ReadMarker {
  #storage;
  #key;

  constructor({ storage, key }) {
    this.#storage = storage;
    this.#key = key;
  }

  get id() {
    const stored = this.#storage.read(this.#key);
    return stored && /^\d+-\d+$/.test(stored) ? stored : null;
  }

  /** Moves the marker forward, or to another epoch; another tab may be further. */
  advance(id) {
    const current = this.id;
    if (id === null || (current !== null && isSameEpoch(id, current) && compareIds(id, current) <= 0)) return;
    this.#storage.write(this.#key, id);
  }
}
