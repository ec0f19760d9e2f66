// Messages that the server has not yet acknowledged. One is in flight at a time; the others wait. The outbox survives a
// reload: entries are stored until they are acknowledged or discarded.

const NONCE_BYTES = 12;
/** The server remembers a nonce for ten minutes. After that, another send could duplicate a message: the user decides. */
const SAFE_RETRY_MS = 9 * 60_000;
/** A text this old from a page that was closed is not sent without asking. */
const FRESH_MS = 60 * 60_000;

/**
 * An entry is { nonce, text, state, reason, saidAt, sentAt }; an answer has `replyTo`, an edit or deletion `kind` ("edit" or "delete") and
 * the `target`, all of them ids of messages. Its state is "waiting", "sent", "acknowledged" or
 * "refused". Reasons are the server's error codes, "unsure" (may have been stored) and "stale" (old, never sent).
 */
export class Outbox {
  #entries = [];
  /** The nonces of the stored entries. */
  #stored = new Set();
  #storage;
  #key;
  #createNonce;
  #now;

  constructor({ storage, key, createNonce = randomNonce, now = Date.now }) {
    this.#storage = storage;
    this.#key = key;
    this.#createNonce = createNonce;
    this.#now = now;
    this.adopt(storage.readJson(key, []));
  }

  get entries() {
    return this.#entries;
  }

  add(text, { replyTo, kind, target } = {}) {
    const entry = { nonce: this.#createNonce(), text, state: "waiting", saidAt: this.#now(), ...given({ replyTo, kind, target }) };
    this.#entries.push(entry);
    this.#store();
    return entry;
  }

  /** Adds entries of another page; returns whether they are stored. */
  adopt(entries) {
    const added = validEntries(entries).filter(({ nonce }) => !this.#find(nonce));
    this.#entries.push(...added.map((entry) => this.#restore(entry)));
    return this.#store();
  }

  /** Returns the entry to send now and marks it as sent; undefined while another is in flight. */
  next() {
    this.#yieldAdopted();
    if (this.#entries.some((entry) => entry.state === "sent")) return undefined;
    for (const entry of this.#entries) if (this.#isUnsure(entry)) this.refuse(entry.nonce, "unsure");
    const entry = this.#entries.find((entry) => entry.state === "waiting");
    if (entry) entry.state = "sent";
    return entry;
  }

  /** Returns "edit" or "delete" where an entry changes a message. */
  kindOf(nonce) {
    return this.#find(nonce)?.kind;
  }

  /** Records when an entry was first handed to the connection: from then on the server may have it. */
  markSent(nonce) {
    const entry = this.#find(nonce);
    if (!entry || entry.sentAt !== undefined) return;
    entry.sentAt = this.#now();
    this.#store();
  }

  /** The server has stored it under this id: shown until the message itself arrives. */
  acknowledge(nonce, id) {
    const entry = this.#find(nonce);
    if (entry) Object.assign(entry, { state: "acknowledged", id });
    this.#store();
  }

  /** Removes an entry: the message itself has arrived, or the user discards it. */
  remove(nonce) {
    this.#entries = this.#entries.filter((entry) => entry.nonce !== nonce);
    this.#store();
  }

  /** Returns an entry to the queue: it is sent again later, under the same nonce. */
  postpone(nonce) {
    const entry = this.#find(nonce);
    if (entry?.state === "sent") entry.state = "waiting";
  }

  /** The server rejects it as it is. */
  refuse(nonce, reason) {
    const entry = this.#find(nonce);
    if (!entry) return;
    entry.state = "refused";
    entry.reason = reason;
    this.#store();
  }

  /** Queues a refused text again, as a new message; also that of an edit. */
  retry(nonce) {
    const entry = this.#find(nonce);
    if (entry?.state !== "refused") return;
    Object.assign(entry, { nonce: this.#createNonce(), state: "waiting", saidAt: this.#now() });
    for (const field of ["reason", "sentAt", "kind", "target"]) delete entry[field];
    this.#store();
  }

  /** The connection is lost: the entry in flight is sent again. */
  postponeAll() {
    for (const entry of this.#entries) this.postpone(entry.nonce);
  }

  /**
   * A welcome holds what was missed. An acknowledged entry that is not in it is sent again: Redis may have lost it, and
   * does not store it twice if not. Once the nonce may be forgotten, and no loss is reported, the acknowledgement counts.
   */
  reconcile({ messages, missed }) {
    const ids = new Set(messages.map(({ id }) => id));
    const isDone = (entry) => ids.has(entry.id) || (missed !== null && this.#isOld(entry));
    this.#entries = this.#entries.filter((entry) => entry.state !== "acknowledged" || !isDone(entry));
    for (const entry of this.#entries) if (entry.state === "acknowledged") entry.state = "waiting";
    this.#store();
  }

  #find(nonce) {
    return this.#entries.find((entry) => entry.nonce === nonce);
  }

  #isUnsure(entry) {
    return entry.state === "waiting" && this.#isOld(entry);
  }

  /** Where the clock was set back by more, the age is unknown and counts as old. */
  #isOld({ sentAt }) {
    return sentAt !== undefined && Math.abs(this.#now() - sentAt) > SAFE_RETRY_MS;
  }

  #restore({ nonce, text, state, reason, saidAt = this.#now(), sentAt, replyTo, kind, target }) {
    const entry = { nonce, text, state: "waiting", saidAt, ...given({ replyTo, kind, target }) };
    if (sentAt !== undefined) entry.sentAt = sentAt;
    if (state === "refused") return Object.assign(entry, { state, reason });
    if (sentAt === undefined && this.#now() - saidAt > FRESH_MS) Object.assign(entry, { state: "refused", reason: "stale" });
    return entry;
  }

  /** Another tab took this one, while it was frozen, for closed (see TabOutbox): it has sent what was stored. */
  #yieldAdopted() {
    if (this.#storage.readJson(this.#key, [])?.adoptedAt === undefined) return;
    this.#entries = this.#entries.filter(({ nonce }) => !this.#stored.has(nonce));
    this.#storage.remove(this.#key);
  }

  #store() {
    this.#yieldAdopted();
    const pending = this.#entries.filter((entry) => entry.state !== "acknowledged");
    if (pending.length > 0 && !this.#storage.writeJson(this.#key, pending)) return false;
    if (pending.length === 0) this.#storage.remove(this.#key);
    this.#stored = new Set(pending.map(({ nonce }) => nonce));
    return true;
  }
}

function validEntries(stored) {
  const isValid = (entry) => typeof entry?.nonce === "string" && typeof entry.text === "string";
  return Array.isArray(stored) ? stored.filter(isValid) : [];
}

/** Returns the fields that have a value. */
function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === "string"));
}

function randomNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
