// The id of the newest message that the user has read on this device, shared by all tabs.

import { compareIds, isSameEpoch } from "./id.js";

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
