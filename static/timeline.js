// The rows of the conversation as data, oldest first: messages, presence notices and gaps. Does not touch the DOM.

import { compareIds, isSameEpoch } from "./id.js";

/** More rows than this are trimmed at the top: a page that stays open for days must not grow forever. */
export const MAX_ROWS = 2000;

/** Where the reader is at the top, nothing is trimmed there. Beyond this, the rows below them give way to a gap. */
export const MAX_ROWS_READING = 10_000;

/** Changes that are remembered: a page of history may have been read before them, and arrive after them. */
const MAX_CHANGES = 500;

/** Shown changes that a join has, so that the server finds out whether any is lost. */
const MAX_SHOWN = 32;

/** One presence notice names at most this many events and counts the others. */
export const MAX_EVENTS = 50;

/**
 * Rows are { kind: "message", message }, { kind: "presence", events, joined, left } (joins and leaves between two
 * messages; `events` are the latest, { what, username }) or { kind: "gap", after, before, missed }. The timeline calls
 * `view` with each change: insert(row, nextRow), remove(row), replace(row), clear() and showOlder(hasOlder); its
 * `isRead(row)` returns whether a reader above the newest message may be looking at a row.
 */
export class Timeline {
  #rows = [];
  #byId = new Map();
  #view;
  #hasOlder = false;
  /** The newest changes of messages, by id: { removed } or { text, edited_at }. */
  #changes = new Map();
  /** The newest changes that the rows show, by id: when the message was edited; null: it is deleted. */
  #shown = new Map();
  /** Counts how often all rows were replaced: a page of history for former rows is dropped. */
  #generation = 0;
  /** The id to join from: that of the newest message received. */
  since = null;

  constructor(view) {
    this.#view = view;
  }

  get rows() {
    return this.#rows;
  }

  has(id) {
    return this.#byId.has(id);
  }

  /** Whether the server may have messages older than all rows. */
  get hasOlder() {
    return this.#hasOlder;
  }

  /** The newest changes that the rows show, as a join has them; undefined if there are none. */
  get changes() {
    return this.#shown.size > 0 ? Object.fromEntries(this.#shown) : undefined;
  }

  /** Takes over the rows that are in the page already; the view is not called for them. */
  adopt(rows, since, hasOlder) {
    for (const row of rows) {
      this.#put(row, this.#rows.length);
      if (row.kind === "message") this.#noteShown(row.message);
    }
    this.since = since;
    this.#setHasOlder(hasOlder);
  }

  /** Appends a message that arrived; returns whether it is new. */
  add(message) {
    if (this.since === null || compareIds(message.id, this.since) > 0) this.since = message.id;
    if (this.has(message.id)) return false;
    this.#insertMessage(message);
    this.#noteShown(message);
    return true;
  }

  /** Records that a person "joined" or "left". */
  addPresence(what, username) {
    const last = this.#rows.at(-1);
    const row = last?.kind === "presence" ? last : { kind: "presence", events: [], joined: 0, left: 0 };
    row[what] += 1;
    row.events = [...row.events, { what, username }].slice(-MAX_EVENTS);
    if (row === last) this.#view.replace(row);
    else this.#insert(row, this.#rows.length);
  }

  /**
   * Applies a welcome; returns the messages that are new. `request` is the join that it answers, { since }; null for one
   * that was not requested, which replaces all rows.
   */
  applyWelcome({ recovered, missed, messages: frames, head }, request) {
    const messages = frames.map(toMessage);
    if (!request) this.#clear();
    if (!recovered) {
      // Changes that it shows may be lost.
      this.#changes.clear();
      this.#shown.clear();
    }
    // A join without an id brings only the newest messages: by now there may be older ones.
    if (this.oldestId() === null && recovered && messages.length > 0) this.#setHasOlder(true);
    const added = messages.filter((message) => !this.has(message.id));
    if (recovered) this.#removeGapsAfter(request?.since ?? null);
    else if (missed === null || !adjoins(messages, request)) {
      this.#insertGap(request?.since ?? null, messages[0]?.id ?? null, missed === null ? null : missed - added.length);
    }
    for (const message of added) {
      this.#insertMessage(message);
      this.#noteShown(message);
    }
    // Unlike after `add`, this may be smaller: after a loss the history can continue from an earlier message.
    this.since = head ?? messages.at(-1)?.id ?? this.since;
    return added;
  }

  /** Describes a page of history to fetch: the one before the end of a gap, or before the oldest message. */
  historyRequest(gap) {
    return { gap, before: gap ? gap.before : this.oldestId(), generation: this.#generation };
  }

  /** Inserts a page of history that was fetched for a request; `more`: the server has older messages. */
  insertHistory({ gap, before, generation }, { messages: frames, more }) {
    if (generation !== this.#generation) return;
    const messages = frames.map((frame) => this.#toPresent(frame));
    if (gap) this.#fillGap(gap, before, messages, more);
    else this.#prepend(before, messages, more);
  }

  /** Replaces a message that was deleted. */
  markRemoved(id) {
    this.#change(id, { removed: true });
  }

  /** Replaces the text of a message that its sender has corrected. */
  markEdited({ id, text, edited_at: editedAt }) {
    this.#change(id, { text, edited_at: editedAt });
  }

  /** Inserts a page with a message in its middle, and leaves gaps where it does not adjoin the rows. */
  insertAround({ generation }, { messages: frames, more, more_after: moreAfter }) {
    if (generation !== this.#generation) return;
    const messages = frames.map((frame) => this.#toPresent(frame));
    const missing = messages.filter(({ id }) => !this.has(id));
    if (missing.length === 0) return;
    const start = this.#indexFor(missing[0].id);
    const gap = this.#rows[start - 1]?.kind === "gap" ? this.#rows[start - 1] : null;
    const next = this.#rows[this.#insertPage(missing, start)];
    const last = missing.at(-1).id;
    const adjoins = messages.at(-1).id !== last || !moreAfter;
    if (next?.kind === "message" && !adjoins) {
      this.#insert({ kind: "gap", after: last, before: next.message.id, missed: null }, this.#rows.indexOf(next), true);
    }
    if (!gap) return this.#setHasOlder(more);
    if (missing.length < messages.length && messages[0].id !== missing[0].id) return this.#remove(gap);
    Object.assign(gap, { before: missing[0].id, missed: null });
    this.#view.replace(gap);
  }

  /** Applies the present state of messages to rows that may have missed changes, or show changes that are lost. */
  refresh({ messages }) {
    for (const frame of messages) {
      const row = this.#byId.get(frame.id);
      if (!row) continue;
      const message = this.#toPresent(frame);
      this.#noteShown(message);
      const { text, removed, edited_at: editedAt } = row.message;
      if (message.text === text && message.removed === removed && message.edited_at === editedAt) continue;
      row.message = message;
      this.#view.replace(row);
    }
  }

  /** Returns the row of a message, or undefined. */
  rowOf(id) {
    return this.#byId.get(id);
  }

  /** Returns the id of the oldest message, or null. */
  oldestId() {
    return this.#rows.find((row) => row.kind === "message")?.message.id ?? null;
  }

  #change(id, change) {
    this.#changes.delete(id);
    this.#changes.set(id, change);
    if (this.#changes.size > MAX_CHANGES) this.#changes.delete(this.#changes.keys().next().value);
    const row = this.#byId.get(id);
    if (!row) return;
    row.message = apply(change, row.message);
    this.#noteShown(row.message);
    this.#view.replace(row);
  }

  #noteShown({ id, removed, edited_at: editedAt }) {
    if (!removed && !editedAt) return;
    this.#shown.delete(id);
    this.#shown.set(id, removed ? null : editedAt);
    if (this.#shown.size > MAX_SHOWN) this.#shown.delete(this.#shown.keys().next().value);
  }

  /** Returns a message of a page with the changes that are newer than the page. */
  #toPresent(frame) {
    const message = toMessage(frame);
    const change = this.#changes.get(message.id);
    return change ? apply(change, message) : message;
  }

  #fillGap(gap, before, messages, more) {
    const index = this.#rows.indexOf(gap);
    if (index < 0 || gap.before !== before) return;
    const isInGap = ({ id }) => !(gap.after && isSameEpoch(id, gap.after) && compareIds(id, gap.after) <= 0);
    const missing = messages.filter((message) => isInGap(message) && !this.has(message.id));
    this.#insertPage(missing, index + 1);
    if (!more || missing.length < messages.length || missing.length === 0) return this.#remove(gap);
    gap.before = missing[0].id;
    gap.missed = null;
    this.#view.replace(gap);
  }

  #prepend(before, messages, more) {
    const oldest = this.oldestId();
    // The rows that the page was to adjoin were trimmed while it was fetched.
    const isTrimmed = before !== null && before !== oldest;
    if (isTrimmed && messages.length === 0) return;
    const end = this.#insertPage(messages, 0);
    if (isTrimmed) this.#insert({ kind: "gap", after: messages.at(-1).id, before: oldest, missed: null }, end, true);
    this.#setHasOlder(more);
  }

  /** Inserts the messages that are new at an index; returns the index after them. */
  #insertPage(messages, index) {
    let at = index;
    for (const message of messages) {
      if (this.has(message.id)) continue;
      this.#insert({ kind: "message", message }, at, true);
      at += 1;
    }
    return at;
  }

  #insertMessage(message) {
    this.#insert({ kind: "message", message }, this.#indexFor(message.id));
  }

  #insertGap(after, before, missed) {
    const index = before === null ? this.#rows.length : this.#indexFor(before);
    this.#insert({ kind: "gap", after, before, missed }, index);
  }

  /** Nearly always the end. A join's answer is older than messages that arrived while it was on its way. */
  #indexFor(id) {
    let index = this.#rows.length;
    for (let at = index - 1; at >= 0; at -= 1) {
      const row = this.#rows[at];
      if (row.kind === "presence") continue;
      if (row.kind === "gap" || !isSameEpoch(row.message.id, id) || compareIds(row.message.id, id) < 0) break;
      index = at;
    }
    return index;
  }

  /** Everything after an id is known now. */
  #removeGapsAfter(since) {
    if (since === null) return;
    for (const row of this.#rows.filter(({ kind, after }) => kind === "gap" && after === since)) this.#remove(row);
  }

  #insert(row, index, keep = false) {
    const next = this.#rows[index];
    this.#put(row, index);
    this.#view.insert(row, next);
    if (!keep) this.#trim();
  }

  #trim() {
    while (this.#rows.length > MAX_ROWS && !this.#view.isRead(this.#rows[0])) {
      this.#remove(this.#rows[0]);
      this.#setHasOlder(true);
    }
    while (this.#rows.length > MAX_ROWS_READING) this.#trimBelowReader();
  }

  /** Extends the gap below the rows that are being read by a row, and creates it first. */
  #trimBelowReader() {
    const index = this.#rows.findIndex((row) => !this.#view.isRead(row));
    if (this.#rows[index].kind !== "gap") {
      const after = this.#rows.slice(0, index).findLast(({ kind }) => kind === "message").message.id;
      this.#put({ kind: "gap", after, before: null, missed: null }, index);
    }
    const gap = this.#rows[index];
    this.#remove(this.#rows[index + 1]);
    gap.missed = null;
    gap.before = this.#rows.slice(index, index + MAX_ROWS).find(({ kind }) => kind === "message").message.id;
  }

  #setHasOlder(hasOlder) {
    if (this.#hasOlder === hasOlder) return;
    this.#hasOlder = hasOlder;
    this.#view.showOlder(hasOlder);
  }

  #put(row, index) {
    this.#rows.splice(index, 0, row);
    if (row.kind === "message") this.#byId.set(row.message.id, row);
  }

  #remove(row) {
    this.#rows.splice(this.#rows.indexOf(row), 1);
    if (row.kind === "message") this.#byId.delete(row.message.id);
    this.#view.remove(row);
  }

  #clear() {
    this.#rows = [];
    this.#byId.clear();
    this.#generation += 1;
    this.#view.clear();
  }
}

/** Whether messages reach back to the join that they answer: only changes were missing. */
function adjoins([first], request) {
  return first !== undefined && Boolean(request?.since) && compareIds(first.id, request.since) <= 0;
}

/** Sockets and pages of history describe a deleted message differently; rows have one form. */
function toMessage(frame) {
  const isRemoved = frame.type === "removed" || frame.removed;
  const { id, from = "", at } = frame;
  return isRemoved ? { id, removed: true, from, at, text: "" } : frame;
}

/** Returns a message after a change. A deleted one stays so, and of two texts the later one counts. */
function apply({ removed, text, edited_at: editedAt }, message) {
  const { id, from, at } = message;
  if (removed || message.removed) return toMessage({ id, removed: true, from, at });
  return editedAt >= (message.edited_at ?? 0) ? { ...message, text, edited_at: editedAt } : message;
}
