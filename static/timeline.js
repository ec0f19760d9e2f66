// What is shown of the conversation, as data: messages, notices and at most a few gaps, oldest first.

import { compare } from "./id.js";

/** Most rows kept: a page that stays open for days must not grow for ever. */
export const ROWS_AT_MOST = 2000;

/** Most comings and goings remembered by name in one row; the rest is counted. */
export const EVENTS_AT_MOST = 50;

/**
 * Rows are { kind: "message", message }, { kind: "notice", events, joined, left } (comings and goings with nothing said
 * between them; `events` are the latest, { what, username }) or { kind: "gap", after, before, missed }. Every change is
 * told to `view`: insert(row, beforeRow), remove(row), replace(row), clear(), and more(whether older ones are kept).
 */
export class Timeline {
  #rows = [];
  #ids = new Map();
  #view;
  #more = false;
  /** The last id seen: what a join names. */
  since = null;

  constructor(view) {
    this.#view = view;
  }

  get rows() {
    return this.#rows;
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** Whether messages older than all rows may be kept by the room. */
  get more() {
    return this.#more;
  }

  /** Takes over what the page already shows, without telling the view of the rows. */
  adopt(rows, since, more) {
    for (const row of rows) this.#put(row, this.#rows.length);
    this.since = since;
    this.#setMore(more);
  }

  /** A message came: shown once, at the end. Answers whether it is new. */
  add(message) {
    this.#advance(message.id);
    if (this.has(message.id)) return false;
    this.#insert({ kind: "message", message }, this.#rows.length);
    return true;
  }

  /** Somebody came ("joined") or went ("left"). */
  notice(what, username) {
    const last = this.#rows.at(-1);
    const row = last?.kind === "notice" ? last : { kind: "notice", events: [], joined: 0, left: 0 };
    row[what] += 1;
    row.events = [...row.events, { what, username }].slice(-EVENTS_AT_MOST);
    if (row === last) this.#view.replace(row);
    else this.#insert(row, this.#rows.length);
  }

  /** A welcome to a join that was asked for, or (`asked` false) one that replaces what is shown; answers what is new. */
  welcome({ recovered, missed, messages: told, head }, asked) {
    const messages = told.map(placed);
    const after = asked ? this.since : null;
    if (!asked) this.#clear();
    // With nothing to join from it brings the newest only: the room may have filled since the page was made.
    if (this.oldest() === null && recovered && messages.length > 0) this.#setMore(true);
    const fresh = messages.filter((message) => !this.has(message.id));
    if (!recovered) this.#gap(after, fresh[0]?.id ?? null, missed === null ? null : missed - fresh.length);
    for (const message of fresh) this.#insert({ kind: "message", message }, this.#rows.length);
    // Not `advance`: after a loss the room may stand at another branch of its history.
    this.since = head ?? messages.at(-1)?.id ?? this.since;
    return fresh;
  }

  /** A page of history for a gap, or (`gap` absent) from before everything. `more`: older messages are kept. */
  fill(told, more, gap) {
    const messages = told.map(placed);
    let at = gap ? this.#rows.indexOf(gap) + 1 : 0;
    if (gap && at === 0) return;
    const known = messages.some((message) => this.has(message.id));
    for (const message of messages.filter((message) => !this.has(message.id))) {
      this.#insert({ kind: "message", message }, at, true);
      at += 1;
    }
    if (!gap) return this.#setMore(more);
    const oldest = messages[0]?.id;
    const reached = known || (oldest && gap.after && compare(oldest, gap.after) <= 0);
    if (!more || reached || !oldest) return this.#remove(gap);
    gap.before = oldest;
    gap.missed = null;
    this.#view.replace(gap);
  }

  /** A message was deleted by the operator. */
  removed(id) {
    const row = this.#ids.get(id);
    if (!row) return;
    row.message = { ...placed({ id, removed: true }), at: row.message.at };
    this.#view.replace(row);
  }

  /** The oldest message shown, to load from before it. */
  oldest() {
    return this.#rows.find((row) => row.kind === "message")?.message.id ?? null;
  }

  #advance(id) {
    if (this.since === null || compare(id, this.since) > 0) this.since = id;
  }

  #gap(after, before, missed) {
    this.#insert({ kind: "gap", after, before, missed }, this.#rows.length);
  }

  #insert(row, at, keep = false) {
    const next = this.#rows[at];
    this.#put(row, at);
    this.#view.insert(row, next);
    if (keep || this.#rows.length <= ROWS_AT_MOST) return;
    this.#remove(this.#rows[0]);
    this.#setMore(true);
  }

  #setMore(more) {
    if (this.#more === more) return;
    this.#more = more;
    this.#view.more(more);
  }

  #put(row, at) {
    this.#rows.splice(at, 0, row);
    if (row.kind === "message") this.#ids.set(row.message.id, row);
  }

  #remove(row) {
    this.#rows.splice(this.#rows.indexOf(row), 1);
    if (row.kind === "message") this.#ids.delete(row.message.id);
    this.#view.remove(row);
  }

  #clear() {
    this.#rows = [];
    this.#ids.clear();
    this.#view.clear();
  }
}

/** A message as rows have it: where one was deleted, sockets and pages say so each in their own way. */
function placed(told) {
  return told.type === "removed" || told.removed ? { id: told.id, removed: true, from: "", text: "" } : told;
}
