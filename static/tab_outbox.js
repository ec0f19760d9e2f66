// Chooses which of the stored outboxes belongs to this tab. A tab holds its outbox by a Web Lock for as long as it lives:
// so no two tabs send the same message, and the outbox of a closed tab is found and sent. Over http the tabs ask each other
// instead (channel_locks.js): a frozen tab cannot answer, so a mark tells it later that another has sent its messages.

import { timeoutSignal } from "./api.js";

const RELOAD_MS = 1000;
/** A mark that an outbox was adopted is kept for this long: a tab may be frozen meanwhile. */
const MARK_MS = 7 * 24 * 3_600_000;

/** `prefix` begins the storage keys of all outboxes of one person; `session` is the storage of this tab alone. */
export class TabOutbox {
  #locks;
  #storage;
  #session;
  #prefix;
  #createId;
  #now;

  constructor({ locks, storage, session, prefix, createId = randomId, now = Date.now }) {
    this.#locks = locks;
    this.#storage = storage;
    this.#session = session;
    this.#prefix = prefix;
    this.#createId = createId;
    this.#now = now;
  }

  /** Acquires this tab's outbox and returns its key: the one from before a reload, unless a copy of the tab holds it. */
  async acquire() {
    const name = `${this.#prefix}tab`;
    const known = this.#session.read(name);
    if (known && (await this.#lock(known, { signal: timeoutSignal(RELOAD_MS) }))) return this.#prefix + known;
    const id = this.#createId();
    await this.#lock(id, {});
    this.#session.write(name, id);
    return this.#prefix + id;
  }

  /** Moves the entries of outboxes whose tab is gone to `adopt`, which returns whether it could store them. */
  async adoptAbandoned(adopt) {
    for (const key of this.#storage.keys(this.#prefix)) {
      await this.#locks.request(key, { ifAvailable: true }, (lock) => {
        if (!lock) return;
        const entries = this.#storage.readJson(key, []);
        if (entries.adoptedAt !== undefined) return this.#forget(key, entries);
        const stored = adopt(entries);
        this.#storage.remove(key);
        if (this.#locks.canLose && entries.length > 0) this.#storage.writeJson(key, { adoptedAt: this.#now() });
        // A full storage has room again for what has just been removed.
        if (!stored) adopt([]);
      });
    }
  }

  #forget(key, { adoptedAt }) {
    if (!(this.#now() - adoptedAt < MARK_MS)) this.#storage.remove(key);
  }

  /** Removes every outbox of the person, when they sign out. */
  clear() {
    for (const key of this.#storage.keys(this.#prefix)) this.#storage.remove(key);
  }

  /** Resolves to whether the lock was acquired; the page holds it until it closes. */
  #lock(id, options) {
    return new Promise((resolve) => {
      const holdForever = () => new Promise(() => resolve(true));
      this.#locks.request(this.#prefix + id, options, holdForever).catch(() => resolve(false));
    });
  }
}

function randomId() {
  return crypto.getRandomValues(new Uint32Array(2)).join("-");
}
