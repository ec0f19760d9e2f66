// Which of the stored outboxes is this page's. Each tab has one of its own, which it holds by a lock for as long as it
// lives: so no two tabs ever send the same message, and what a closed tab left behind is found and sent.

const RELOADED_WITHIN_MS = 1000;

/** `prefix` begins the keys of all outboxes of one person in the storage; `session` is the tab's own storage. */
export class Berth {
  #locks;
  #storage;
  #session;
  #prefix;
  #id;

  constructor({ locks, storage, session, prefix, id = () => crypto.getRandomValues(new Uint32Array(2)).join("-") }) {
    this.#locks = locks;
    this.#storage = storage;
    this.#session = session;
    this.#prefix = prefix;
    this.#id = id;
  }

  /** The key of this tab's outbox: the one it had before a reload, unless a copy of the tab has it now. */
  async own() {
    const name = `${this.#prefix}tab`;
    const known = read(this.#session, name);
    if (known && (await this.#hold(known, { signal: AbortSignal.timeout(RELOADED_WITHIN_MS) }))) return this.#key(known);
    const fresh = this.#id();
    await this.#hold(fresh, {});
    write(this.#session, name, fresh);
    return this.#key(fresh);
  }

  /** Hands `take` the key of each outbox whose tab is gone, then removes it. */
  async orphans(take) {
    if (!this.#locks) return;
    for (const key of this.#keys()) {
      await this.#locks.request(key, { ifAvailable: true }, (lock) => {
        if (!lock) return;
        take(key);
        this.#storage.removeItem(key);
      });
    }
  }

  /** Removes every outbox of the person, when they sign out. */
  clear() {
    for (const key of this.#keys()) this.#storage.removeItem(key);
  }

  #keys() {
    try {
      return Object.keys(this.#storage).filter((key) => key.startsWith(this.#prefix));
    } catch {
      return [];
    }
  }

  #key(id) {
    return this.#prefix + id;
  }

  /** Answers whether the lock was had; it is kept until the page goes. Without locks (plain http) all is had. */
  #hold(id, options) {
    if (!this.#locks) return Promise.resolve(true);
    return new Promise((had) => {
      const forEver = () => new Promise(() => had(true));
      this.#locks.request(this.#key(id), options, forEver).catch(() => had(false));
    });
  }
}

function read(storage, key) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    storage.setItem(key, value);
  } catch {
    // Without storage a reload begins anew.
  }
}
