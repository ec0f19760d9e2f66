// The user's preferences on this device, shared by all tabs; each is a checkbox.

import { watchKey } from "./storage.js";

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

/**
 * The boxes in the page, and the alerts that two of them turn on. `onNotices` is called with whether joins and leaves are shown;
 * the other parts are what alerts need.
 */
export class PreferenceBoxes {
  #preferences;
  #use;
  #refusal = document.getElementById("notify-refused");
  /** Loaded in all tabs once one of the boxes is ticked. */
  #alerting = null;

  constructor({ storage, key, onNotices, ...use }) {
    this.#use = use;
    const [notices, sound, notify] = ["notices", "sound", "notify"].map((name) => document.getElementById(`prefer-${name}`));
    this.#preferences = new Preferences({
      boxes: { notices, sound, notify },
      storage,
      key,
      defaults: { notices: true, sound: false, notify: false },
      onChange: (name, value) => {
        if (name === "notices") onNotices(value);
        else if (value) this.#load();
      },
    });
    watchKey(key, () => this.#preferences.reload());
    notify.addEventListener("change", () => this.#handleNotify(notify.checked));
    if (this.#preferences.get("notify")) this.#check();
  }

  /** Whether mentions are looked for. */
  get isAlerting() {
    return this.#alerting !== null;
  }

  /** The user is mentioned. */
  alert(message) {
    this.#alerting?.add(message);
  }

  /** The user is in front of this tab: nothing is left to be told. */
  clear() {
    this.#alerting?.clear();
  }

  async #load() {
    const { Alerting } = await import("./alerting.js");
    const onRefused = () => this.#refuse();
    return (this.#alerting ??= new Alerting({ preferences: this.#preferences, onRefused, ...this.#use }));
  }

  async #check() {
    await (await this.#load()).check();
  }

  async #handleNotify(isWanted) {
    this.#refusal.hidden = true;
    if (!isWanted) return;
    // Asked for at once: browsers require the gesture of the user.
    if ((await globalThis.Notification?.requestPermission()) === "granted") await this.#check();
    else this.#refuse();
  }

  /** The box shows what the browser allows, also where that was changed later. */
  #refuse() {
    this.#preferences.set("notify", false);
    this.#refusal.hidden = false;
  }
}

function validValues(stored) {
  const isObject = typeof stored === "object" && stored !== null;
  return Object.fromEntries(Object.entries(isObject ? stored : {}).filter(([, value]) => typeof value === "boolean"));
}
