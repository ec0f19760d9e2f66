// What the person has said and the room has not yet kept. One message is on its way at a time; the others wait.
// It outlives a reload: entries are stored until they are acknowledged or discarded.

const NONCE_BYTES = 12;

/** An entry is { nonce, text, state, reason }, where state is "waiting", "sent", "kept" or "refused". */
export class Outbox {
  #entries = [];
  #storage;
  #key;
  #nonce;

  constructor({ storage, key, nonce = randomNonce }) {
    this.#storage = storage;
    this.#key = key;
    this.#nonce = nonce;
    this.#entries = this.#stored();
  }

  get entries() {
    return this.#entries;
  }

  add(text) {
    const entry = { nonce: this.#nonce(), text, state: "waiting" };
    this.#entries.push(entry);
    this.#store();
    return entry;
  }

  /** The entry to send now, marked as on its way; nothing while another is. */
  next() {
    if (this.#entries.some((entry) => entry.state === "sent")) return undefined;
    const entry = this.#entries.find((entry) => entry.state === "waiting");
    if (entry) entry.state = "sent";
    return entry;
  }

  /** The room has kept it: shown until the message itself arrives, never sent again. */
  acknowledge(nonce) {
    const entry = this.#find(nonce);
    if (entry) entry.state = "kept";
    this.#store();
  }

  /** The message itself has arrived. */
  drop(nonce) {
    this.#entries = this.#entries.filter((entry) => entry.nonce !== nonce);
    this.#store();
  }

  /** Unknown whether it was kept, or to be sent later: again, under the same nonce. */
  postpone(nonce) {
    const entry = this.#find(nonce);
    if (entry?.state === "sent") entry.state = "waiting";
  }

  /** The room will not have it as it is. */
  refuse(nonce, reason) {
    const entry = this.#find(nonce);
    if (!entry) return;
    entry.state = "refused";
    entry.reason = reason;
    this.#store();
  }

  /** Says a refused text once more, as a new message. */
  retry(nonce) {
    const entry = this.#find(nonce);
    if (entry?.state !== "refused") return;
    entry.nonce = this.#nonce();
    entry.state = "waiting";
    delete entry.reason;
    this.#store();
  }

  /** The connection is gone: what was on its way goes again. */
  disconnected() {
    for (const entry of this.#entries) this.postpone(entry.nonce);
  }

  /** A welcome has brought what was missed: what is kept needs no stand-in any more. */
  welcomed() {
    this.#entries = this.#entries.filter((entry) => entry.state !== "kept");
    this.#store();
  }

  #find(nonce) {
    return this.#entries.find((entry) => entry.nonce === nonce);
  }

  #stored() {
    try {
      const stored = JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
      return stored.map(({ nonce, text, state, reason }) =>
        state === "refused" ? { nonce, text, state, reason } : { nonce, text, state: "waiting" },
      );
    } catch {
      return [];
    }
  }

  #store() {
    try {
      const pending = this.#entries.filter((entry) => entry.state !== "kept");
      this.#storage.setItem(this.#key, JSON.stringify(pending));
    } catch {
      // Storage may be full or forbidden: the outbox then lives as long as the page.
    }
  }
}

function randomNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
