// The names that the user has muted on this device, shared by all tabs. Other people do not learn of it. No DOM.

/** The oldest names beyond this number are dropped. */
const MAX_NAMES = 200;

/** `onChange` is called when a name was muted or unmuted. */
export class MuteList {
  #names;
  #storage;
  #key;
  onChange = () => {};

  constructor({ storage, key }) {
    this.#storage = storage;
    this.#key = key;
    this.#names = validNames(storage.readJson(key, []));
  }

  get names() {
    return [...this.#names];
  }

  has(name) {
    return this.#names.has(name);
  }

  /** Mutes a name, or unmutes it. */
  toggle(name) {
    const muted = !this.#names.has(name);
    const names = this.#storage.updateJson(this.#key, [], (stored) => {
      const others = [...validNames(stored)].filter((other) => other !== name);
      return (muted ? [...others, name] : others).slice(-MAX_NAMES);
    });
    this.#names = new Set(names);
    this.onChange();
  }

  /** Another tab has changed the list. */
  reload() {
    this.#names = validNames(this.#storage.readJson(this.#key, []));
    this.onChange();
  }
}

function validNames(stored) {
  return new Set(Array.isArray(stored) ? stored.filter((name) => typeof name === "string") : []);
}
