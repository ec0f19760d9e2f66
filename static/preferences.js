// What the person prefers on this device, each a box to tick.

/** `boxes` are checkboxes by name; `changed` is called with a name and its value, at the start too. */
export class Preferences {
  #values;
  #storage;
  #key;
  #changed;

  constructor({ boxes, storage, key, defaults, changed }) {
    this.#storage = storage;
    this.#key = key;
    this.#changed = changed;
    this.#values = { ...defaults, ...this.#stored() };
    for (const [name, box] of Object.entries(boxes)) {
      box.checked = this.#values[name];
      box.addEventListener("change", () => this.set(name, box.checked));
      changed(name, this.#values[name]);
    }
  }

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    this.#values[name] = value;
    try {
      this.#storage.setItem(this.#key, JSON.stringify(this.#values));
    } catch {
      // It then holds as long as the page.
    }
    this.#changed(name, value);
  }

  #stored() {
    try {
      return JSON.parse(this.#storage.getItem(this.#key) ?? "{}");
    } catch {
      return {};
    }
  }
}
