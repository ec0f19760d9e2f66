// Browser storage that may be missing, full or forbidden: what cannot be stored lives as long as the page.

/** Wraps localStorage or sessionStorage. `open` returns the area; even that throws where storage is forbidden. */
export class SafeStorage {
  #area = null;
  /** Values that the area did not take. */
  #memory = new Map();

  constructor(open) {
    try {
      this.#area = open();
    } catch {
      // Forbidden, for example with all cookies blocked.
    }
  }

  /** Whether every value is in the area and so outlives the page. */
  get isDurable() {
    return this.#memory.size === 0;
  }

  /** Returns a value, or null. */
  read(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    try {
      return this.#area?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  /** Stores a value; returns whether it outlives the page. */
  write(key, value) {
    try {
      this.#area.setItem(key, value);
      this.#memory.delete(key);
      return true;
    } catch {
      this.#memory.set(key, value);
      return false;
    }
  }

  remove(key) {
    this.#memory.delete(key);
    try {
      this.#area?.removeItem(key);
    } catch {
      // The value is as unreadable as it is undeletable.
    }
  }

  /** Returns the keys that begin with a prefix. */
  keys(prefix) {
    let keys = [];
    try {
      keys = Object.keys(this.#area ?? {});
    } catch {
      // Only what is in memory.
    }
    return [...new Set([...keys, ...this.#memory.keys()])].filter((key) => key.startsWith(prefix));
  }

  /** Returns a value parsed from JSON, or `fallback` where there is none or it does not parse. */
  readJson(key, fallback) {
    try {
      return JSON.parse(this.read(key)) ?? fallback;
    } catch {
      return fallback;
    }
  }

  writeJson(key, value) {
    return this.write(key, JSON.stringify(value));
  }

  /**
   * Changes a value that other tabs change as well: reads it anew, so that their changes stay. Returns the new value.
   */
  updateJson(key, fallback, change) {
    const value = change(this.readJson(key, fallback));
    this.writeJson(key, value);
    return value;
  }
}

/** Calls `onChange` when another tab has changed a key, or cleared the storage. */
export function watchKey(key, onChange, target = globalThis) {
  target.addEventListener("storage", (event) => {
    if (event.key === key || event.key === null) onChange();
  });
}
