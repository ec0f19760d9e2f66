// The user's preferences on this device, shared by all tabs; each is a checkbox.

/** `boxes` are checkboxes by name; `onChange` is called with a name and its value, once at the start as well. */
export class Preferences {
  #values;
  #boxes;
  #storage;
  #key;
  #onChange;

  constructor({ boxes, storage, key, defaults, onChange }) {
    this.#boxes = boxes;
    this.#storage = storage;
    this.#key = key;
    this.#onChange = onChange;
    this.#values = { ...defaults, ...this.#stored() };
    for (const [name, box] of Object.entries(boxes)) {
      box.checked = this.#values[name];
      box.addEventListener("change", () => this.set(name, box.checked));
      onChange(name, this.#values[name]);
    }
  }

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    this.#storage.updateJson(this.#key, {}, (stored) => ({ ...validValues(stored), [name]: value }));
    this.#apply(name, value);
  }

  /** Another tab has changed a preference. */
  reload() {
    for (const [name, value] of Object.entries(this.#stored())) {
      if (name in this.#boxes && value !== this.#values[name]) this.#apply(name, value);
    }
  }

  #apply(name, value) {
    this.#values[name] = value;
    this.#boxes[name].checked = value;
    this.#onChange(name, value);
  }

  #stored() {
    return validValues(this.#storage.readJson(this.#key, {}));
  }
}

function validValues(stored) {
  const isObject = typeof stored === "object" && stored !== null;
  return Object.fromEntries(Object.entries(isObject ? stored : {}).filter(([, value]) => typeof value === "boolean"));
}
