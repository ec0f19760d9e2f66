// What the person has said and the room has not yet kept. One message is on its way at a time; the others wait.
// It outlives a reload: entries are stored until they are acknowledged or discarded.

const NONCE_BYTES = 12;
/** The room remembers a nonce for ten minutes. Later, sending again could double a message: that is asked first. */
const SURE_MS = 9 * 60_000;
/** What was said so long ago, in a page since closed, does not go out unasked. */
const FRESH_MS = 60 * 60_000;

/**
 * An entry is { nonce, text, state, reason, saidAt, sentAt }, where state is "waiting", "sent", "kept" or "refused".
 * Reasons are the room's error codes, "unsure" (it may have been kept) and "stale" (said long ago, never sent).
 */
export class Outbox {
  #entries = [];
  #storage;
  #key;
  #nonce;
  #now;

  constructor({ storage, key, nonce = randomNonce, now = Date.now }) {
    this.#storage = storage;
    this.#key = key;
    this.#nonce = nonce;
    this.#now = now;
    this.adopt(this.#stored());
  }

  get entries() {
    return this.#entries;
  }

  add(text) {
    const entry = { nonce: this.#nonce(), text, state: "waiting", saidAt: this.#now() };
    this.#entries.push(entry);
    this.#store();
    return entry;
  }

  /** Takes over entries that another page has left behind. */
  adopt(stored) {
    this.#entries.push(...stored.map((entry) => this.#restored(entry)));
    this.#store();
  }

  /** The entry to send now, marked as on its way; nothing while another is. */
  next() {
    if (this.#entries.some((entry) => entry.state === "sent")) return undefined;
    for (const entry of this.#entries) if (this.#isUnsure(entry)) this.refuse(entry.nonce, "unsure");
    const entry = this.#entries.find((entry) => entry.state === "waiting");
    if (entry) entry.state = "sent";
    return entry;
  }

  /** It was handed to the connection: from now on the room may have it. */
  sent(nonce) {
    const entry = this.#find(nonce);
    if (!entry || entry.sentAt !== undefined) return;
    entry.sentAt = this.#now();
    this.#store();
  }

  /** The room has kept it, under this id: shown until the message itself arrives. */
  acknowledge(nonce, id) {
    const entry = this.#find(nonce);
    if (entry) Object.assign(entry, { state: "kept", id });
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
    Object.assign(entry, { nonce: this.#nonce(), state: "waiting", saidAt: this.#now() });
    delete entry.reason;
    delete entry.sentAt;
    this.#store();
  }

  /** The connection is gone: what was on its way goes again. */
  disconnected() {
    for (const entry of this.#entries) this.postpone(entry.nonce);
  }

  /**
   * A welcome has brought what was missed. What is kept and not in it goes again: Redis may have lost what it had taken,
   * and does not take twice what it has. When it may have forgotten that, and nothing speaks of a loss, its word counts.
   */
  welcomed({ messages, missed }) {
    const shown = new Set(messages.map(({ id }) => id));
    const isDone = (entry) => shown.has(entry.id) || (missed !== null && this.#isOld(entry));
    this.#entries = this.#entries.filter((entry) => entry.state !== "kept" || !isDone(entry));
    for (const entry of this.#entries) if (entry.state === "kept") entry.state = "waiting";
    this.#store();
  }

  #find(nonce) {
    return this.#entries.find((entry) => entry.nonce === nonce);
  }

  #isUnsure(entry) {
    return entry.state === "waiting" && this.#isOld(entry);
  }

  #isOld({ sentAt }) {
    return sentAt !== undefined && this.#now() - sentAt > SURE_MS;
  }

  #restored({ nonce, text, state, reason, saidAt = this.#now(), sentAt }) {
    const entry = { nonce, text, state: "waiting", saidAt };
    if (sentAt !== undefined) entry.sentAt = sentAt;
    if (state === "refused") return Object.assign(entry, { state, reason });
    if (sentAt === undefined && this.#now() - saidAt > FRESH_MS) Object.assign(entry, { state: "refused", reason: "stale" });
    return entry;
  }

  #stored() {
    return stored(this.#storage, this.#key);
  }

  #store() {
    const pending = this.#entries.filter((entry) => entry.state !== "kept");
    try {
      if (pending.length === 0) this.#storage.removeItem(this.#key);
      else this.#storage.setItem(this.#key, JSON.stringify(pending));
    } catch {
      // Storage may be full or forbidden: the outbox then lives as long as the page.
    }
  }
}

/** The entries under a key of the storage; none where that is broken or forbidden. */
export function stored(storage, key) {
  try {
    return JSON.parse(storage.getItem(key) ?? "[]");
  } catch {
    return [];
  }
}

function randomNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
