// Whom the person does not want to hear on this device. Nobody else is told. Knows no DOM.

/** Most names that are kept: the first ones are forgotten for it. */
const NAMES_AT_MOST = 200;

/** `changed` is called when somebody was muted or is heard again. */
export class Muted {
  #names;
  #storage;
  #key;
  changed = () => {};

  constructor({ storage, key }) {
    this.#storage = storage;
    this.#key = key;
    this.#names = stored(storage, key);
  }

  /** Everybody who is muted. */
  get names() {
    return [...this.#names];
  }

  has(name) {
    return this.#names.has(name);
  }

  /** Mutes somebody, or hears them again. */
  toggle(name) {
    if (!this.#names.delete(name)) this.#names.add(name);
    this.#names = new Set(this.names.slice(-NAMES_AT_MOST));
    try {
      this.#storage.setItem(this.#key, JSON.stringify(this.names));
    } catch {
      // It then holds as long as the page.
    }
    this.changed();
  }
}

function stored(storage, key) {
  try {
    const names = JSON.parse(storage.getItem(key) ?? "[]");
    return new Set(Array.isArray(names) ? names.filter((name) => typeof name === "string") : []);
  } catch {
    return new Set();
  }
}
