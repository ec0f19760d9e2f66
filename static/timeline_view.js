// The rows of the timeline as elements.

import { formatDay, isSameDay, readCalendar } from "./clock.js";
import { createButton, createElement } from "./element.js";
import { adoptMessage, createMessage, showMessageTime } from "./message.js";
import { continuesGroup, sharesTime } from "./message_grouping.js";
import { createPresenceNotice, updatePresenceNotice } from "./presence_notice.js";
import { formatCount } from "./texts.js";

/** The calendar is read no more often than this. */
const CALENDAR_MS = 1_000;
/** People this near have avatars of different hues, if they are within so many rows. */
const NEAR_PEOPLE = 8;
const NEAR_ROWS = 60;

/** Shows rows in a list. `onLoad` is called when the user wants to fill a gap. */
export class TimelineView {
  #list;
  #scroll;
  #you;
  #texts;
  #mutes;
  #hues;
  #elements = new Map();
  #rows = new WeakMap();
  #firstUnreadId = null;
  #calendar = readCalendar();
  #calendarAt = 0;
  /** Edits and deletions that the server does not have yet, by the id of their message: { kind, text }. */
  #changes = new Map();
  onLoad = () => {};
  /** Called with a person whose avatar has another hue now. */
  onHue = () => {};
  /** Called with the empty quote of an answer. */
  onQuote = () => {};
  /** Called with whether the server may have older messages. */
  showOlder = () => {};

  constructor({ list, scroll, you, texts, mutes, hues }) {
    this.#list = list;
    this.#scroll = scroll;
    this.#you = you;
    this.#texts = texts;
    this.#mutes = mutes;
    this.#hues = hues;
  }

  /** Returns the rows that the server has rendered. */
  adopt() {
    const rows = Array.from(this.#list.children, (element) => {
      const row = { kind: "message", message: adoptMessage(element, this.#reader) };
      this.#keep(row, element);
      return row;
    });
    for (const element of this.#list.children) this.#decorate(element);
    return rows;
  }

  /** Returns the message that an element shows, if it shows one. */
  messageOf(element) {
    return this.#rows.get(element)?.message;
  }

  /** Returns the element of a row, if it is in the page. */
  elementOf(row) {
    return this.#elements.get(row);
  }

  /** Shows messages as they will be, once the server has these entries of the outbox. */
  showChanges(entries) {
    const former = this.#changes;
    this.#changes = new Map(entries.filter(({ target }) => target).map((entry) => [entry.target, entry]));
    for (const id of new Set([...former.keys(), ...this.#changes.keys()])) {
      const [before, now] = [former.get(id), this.#changes.get(id)];
      if (before?.kind === now?.kind && before?.text === now?.text) continue;
      const row = this.#rows.get(this.#list.querySelector(`[data-id="${CSS.escape(id)}"]`));
      if (row) this.replace(row);
    }
  }

  insert(row, next) {
    const element = this.#create(row);
    this.#keep(row, element);
    this.#scroll.preserve(() => {
      this.#list.insertBefore(element, this.#elements.get(next) ?? null);
      this.#decorate(element);
      this.#decorate(element.nextElementSibling);
    });
    if (row.kind === "message") this.#settleHue(element, row.message.from);
  }

  remove(row) {
    const element = this.#elements.get(row);
    const { nextElementSibling: next, previousElementSibling: previous } = element;
    this.#elements.delete(row);
    this.#scroll.preserve(() => {
      element.remove();
      this.#decorate(next);
      if (!next) previous?.classList.remove("shares-time");
    });
  }

  replace(row) {
    const former = this.#elements.get(row);
    if (row.kind === "presence") return this.#scroll.preserve(() => updatePresenceNotice(former, row, this.#texts));
    const element = this.#create(row);
    this.#keep(row, element);
    const isFocused = former.contains(document.activeElement);
    this.#scroll.preserve(() => {
      former.replaceWith(element);
      this.#decorate(element);
      this.#decorate(element.nextElementSibling);
    });
    if (isFocused) focusRow(element);
  }

  clear() {
    this.#list.replaceChildren();
    this.#elements.clear();
  }

  /** The message above which the "unread" line stands; null for none. */
  set firstUnreadId(id) {
    if (id === this.#firstUnreadId) return;
    const ids = [this.#firstUnreadId, id].filter((each) => each !== null);
    this.#firstUnreadId = id;
    const elements = ids.map((each) => this.#list.querySelector(`[data-id="${CSS.escape(each)}"]`));
    this.#scroll.preserve(() => elements.forEach((element) => this.#decorate(element)));
  }

  /** Returns the line above the first unread message, if it is in the page. */
  get unreadLine() {
    return this.#list.querySelector(".unread");
  }

  /** At midnight days change their names; a traveller's time zone changes the times. */
  refreshCalendar(now = Date.now()) {
    // Asking for the time zone is slow; each message asks.
    if (Math.abs(now - this.#calendarAt) < CALENDAR_MS) return;
    this.#calendarAt = now;
    const calendar = readCalendar();
    if (calendar === this.#calendar) return;
    this.#calendar = calendar;
    for (const time of this.#list.querySelectorAll("time[datetime]")) {
      showMessageTime(time, Date.parse(time.dateTime), this.#texts.locale);
    }
    this.refresh();
  }

  /** Something that concerns many rows has changed: the calendar, or who is muted. */
  refresh() {
    this.#scroll.preserve(() => Array.from(this.#list.children, (element) => this.#decorate(element)));
  }

  get #reader() {
    return { you: this.#you, texts: this.#texts, hues: this.#hues };
  }

  /** The person of a message and those who speak near them get avatars that differ. */
  #settleHue(element, from) {
    if (!from || from === this.#you) return;
    if (!this.#hues.settle(from, this.#speakersNear(element, from))) return;
    for (const [{ kind, message }, item] of this.#elements) {
      if (kind === "message" && message.from === from) item.querySelector(".avatar").dataset.hue = this.#hues.of(from);
    }
    this.onHue(from);
  }

  /** Returns the others who speak near a row, the nearest first. */
  #speakersNear(element, from) {
    const names = new Set();
    let [above, below] = [element.previousElementSibling, element.nextElementSibling];
    for (let n = 0; n < NEAR_ROWS && names.size < NEAR_PEOPLE && (above || below); n += 1) {
      for (const item of [above, below]) {
        const name = item && this.#rows.get(item).message?.from;
        if (name && name !== from && name !== this.#you) names.add(name);
      }
      [above, below] = [above?.previousElementSibling, below?.nextElementSibling];
    }
    return [...names];
  }

  #keep(row, element) {
    this.#elements.set(row, element);
    this.#rows.set(element, row);
  }

  /** Updates what depends on the rows before: the lines "day" and "unread", and whether the message continues a group. */
  #decorate(element) {
    const row = element && this.#rows.get(element);
    if (!row) return;
    const above = element.previousElementSibling;
    above?.classList.remove("shares-time");
    if (row.kind !== "message") return;
    const { at, id, from } = row.message;
    element.classList.toggle("muted", this.#mutes.has(from));
    const before = this.#messageBefore(element);
    const startsDay = Boolean(at) && !(before && isSameDay(before.at, at));
    const startsUnread = id === this.#firstUnreadId;
    const previous = above && this.#rows.get(above).message;
    const isGrouped = continuesGroup(previous, row.message) && !startsDay && !startsUnread;
    element.classList.toggle("grouped", isGrouped);
    above?.classList.toggle("shares-time", isGrouped && sharesTime(previous, row.message));
    setLine(element, "unread", startsUnread && this.#texts.unread);
    setLine(element, "day", startsDay && formatDay(at, this.#texts.locale));
  }

  #messageBefore(element) {
    for (let item = element.previousElementSibling; item; item = item.previousElementSibling) {
      const row = this.#rows.get(item);
      if (row.kind === "message" && row.message.at) return row.message;
    }
    return null;
  }

  #create(row) {
    if (row.kind === "message") return this.#createMessage(row.message);
    if (row.kind === "presence") return createPresenceNotice(row, this.#texts);
    return this.#createGap(row);
  }

  #createMessage(message) {
    const change = this.#changes.get(message.id);
    const shown = change ? { ...message, text: change.text ?? "", removed: message.removed || change.kind === "delete" } : message;
    const element = createMessage(shown, this.#reader);
    element.classList.toggle("changing", change !== undefined);
    const quote = element.querySelector(".quote");
    if (quote) this.onQuote(quote);
    return element;
  }

  #createGap(row) {
    const text = row.missed ? formatCount(this.#texts, this.#texts.gap_counted, row.missed) : this.#texts.gap;
    const button = createButton("row-button", this.#texts.gap_load, () => this.onLoad(row, button));
    return createElement("li", "gap", createElement("p", "", text), button);
  }
}

/** Moves the focus of the keyboard to a row. */
function focusRow(element) {
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

/** Shows a line above a message, or removes it. */
function setLine(element, className, text) {
  const line = element.querySelector(`:scope > .${className}`);
  if (!text) return line?.remove();
  if (line) line.textContent = text;
  else element.prepend(createElement("p", className, text));
}
