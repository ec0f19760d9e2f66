// The newest message that the person has seen on this device.

/** Remembers its id in the storage. */
export class Seen {
  #storage;
  #key;
  #id = null;

  constructor({ storage, key }) {
    this.#storage = storage;
    this.#key = key;
    try {
      this.#id = storage.getItem(key);
    } catch {
      // Without storage every visit is the first.
    }
  }

  get id() {
    return this.#id;
  }

  set id(id) {
    if (id === null || id === this.#id) return;
    this.#id = id;
    try {
      this.#storage.setItem(this.#key, id);
    } catch {
      // As above.
    }
  }
}
