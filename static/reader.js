// Where the reader is in the conversation: the history they scroll into, what they have not read, and the ways there.

import { fetchMessages } from "./api.js";
import { formatCount } from "./texts.js";
import { ReadMarker, UnreadTracker } from "./unread.js";

/** Messages missed in a shorter interruption need no line above them. */
const AWAY_MS = 30_000;
/** Pages of history that are loaded at most to find the first unread message. */
const MAX_UNREAD_PAGES = 20;

/** Returns whether the user is in front of this tab. */
export const isInFront = () => document.visibilityState === "visible" && document.hasFocus();

/** `key` is where the newest message read is stored; `onCount` is called with the number of unread messages. */
export class Reader {
  #use;
  #marker;
  /** The newest message read on an earlier visit. */
  #lastReadId;
  #unread;
  /** When the last frame came before the connection was lost. */
  #lostAt = Infinity;
  #earlier = document.getElementById("earlier");
  #jumpUp = document.getElementById("jump-unread");
  #title = document.title;

  constructor({ storage, key, ...use }) {
    this.#use = use;
    this.#marker = new ReadMarker({ storage, key });
    this.#lastReadId = this.#marker.id;
    this.#unread = new UnreadTracker({ present: isInFront(), onChange: () => this.#showUnread() });
    const { scroll, timelineView, timelineWindow } = use;
    timelineView.showOlder = () => this.updateEarlier();
    timelineView.onLoad = (gap, button) => this.#loadHistory(gap, button);
    this.#earlier.addEventListener("click", () => this.#showOlder());
    this.#jumpUp.addEventListener("click", () => this.#goToUnread());
    scroll.hasBelow = () => !timelineWindow.atEnd;
    scroll.onReturn = () => timelineWindow.moveToEnd();
    scroll.onScroll = (edges) => this.#handleScroll(edges);
    scroll.onChange = () => this.updatePresent();
  }

  /** Whether the server has messages before those that it rendered. */
  get hasEarlier() {
    return this.#earlier.dataset.more === "true";
  }

  /** Shows the button for older messages where there are any. */
  updateEarlier() {
    this.#earlier.hidden = !this.#use.timeline.hasOlder && !this.#use.timelineWindow.hasAbove;
  }

  /** Goes on where an earlier visit has ended. */
  resume() {
    this.#unread.resume(this.#messagesOfOthers(), this.#lastReadId, this.#use.timeline.rows.length);
  }

  /** The user came to the page or to the newest message, or left them. */
  updatePresent() {
    this.#unread.present = isInFront() && this.#use.scroll.atEnd;
    if (this.#unread.present) this.#marker.advance(this.#use.timeline.since);
  }

  /** A message of another person arrived. */
  receive(message) {
    if (!this.#use.mutes.has(message.from)) this.#unread.add(message);
    if (this.#unread.present) this.#marker.advance(message.id);
  }

  /** The connection was lost; its last frame came at `heardAt`. */
  handleLoss(heardAt) {
    this.#lostAt = Math.min(this.#lostAt, heardAt);
  }

  /**
   * The connection is back. After a while without one, the messages of the welcome are marked as unread, also in front of the user.
   * `welcome` is null where it does not continue the conversation; `lastId` is the newest message before it.
   */
  handleReturn(welcome, lastId) {
    const isMissed = welcome && Date.now() - this.#lostAt > AWAY_MS;
    this.#lostAt = Infinity;
    if (!isMissed) return;
    const ids = new Set(welcome.messages.map(({ id }) => id));
    this.#unread.resume(this.#messagesOfOthers().filter(({ id }) => ids.has(id)), lastId, welcome.messages.length);
  }

  /** The user writes: the messages above are read. */
  clearMark() {
    this.#unread.clearMark();
  }

  #messagesOfOthers() {
    const { timeline, you, mutes } = this.#use;
    return timeline.rows
      .filter(({ kind }) => kind === "message")
      .map(({ message }) => message)
      .filter(({ from, removed }) => from !== you && !removed && !mutes.has(from));
  }

  #showUnread() {
    const { count, firstId } = this.#unread;
    document.title = count > 0 ? `(${count}) ${this.#title}` : this.#title;
    this.#use.scroll.unread = count;
    this.#use.onCount(count);
    this.#use.timelineView.firstUnreadId = firstId;
    this.#updateJumpUp();
  }

  /** The way up to the first unread message, where that is out of sight. */
  #updateJumpUp() {
    if (this.#unread.away === 0) return this.#showJumpUp();
    // The page may be about to scroll to its end.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#showJumpUp()));
  }

  #showJumpUp() {
    const { timelineView, scroll, texts } = this.#use;
    const line = timelineView.unreadLine;
    if (this.#unread.away > 0 && line && !scroll.isAbove(line)) this.#unread.clearAway();
    const { away } = this.#unread;
    this.#jumpUp.hidden = away === 0;
    this.#jumpUp.textContent = away > 0 ? formatCount(texts, texts.unread_counted, away) : "";
  }

  /** Loads what is missing up to the first unread message, and shows it. */
  async #goToUnread() {
    const { timeline, timelineView, timelineWindow, scroll } = this.#use;
    for (let n = 0; n < MAX_UNREAD_PAGES && timeline.hasOlder && this.#unread.isOlderUnread(timeline.oldestId()); n += 1) {
      await this.#loadHistory(null, this.#earlier);
      if (this.#hasFailed) return;
    }
    const row = timeline.rowOf(this.#unread.firstId);
    if (row) {
      timelineWindow.moveTo(row);
      scroll.scrollTo(timelineView.unreadLine);
    }
    this.#unread.clearAway();
    document.getElementById("scroll").focus({ preventScroll: true });
  }

  #handleScroll({ nearStart, nearEnd }) {
    const { timelineWindow, scroll } = this.#use;
    if (this.#unread.away > 0) this.#updateJumpUp();
    if (nearEnd && !timelineWindow.atEnd) scroll.preserve(() => timelineWindow.moveDown());
    else if (nearStart && !this.#hasFailed) this.#showOlder();
  }

  /** Shows older messages as the reader nears the top: from the timeline, then from the server. */
  async #showOlder() {
    const { timeline, timelineWindow, scroll } = this.#use;
    if (timelineWindow.hasAbove) scroll.preserve(() => timelineWindow.moveUp());
    else if (timeline.hasOlder) await this.#loadHistory(null, this.#earlier);
    this.updateEarlier();
  }

  /** The button for older messages offers another try. */
  get #hasFailed() {
    return this.#earlier.textContent === this.#use.texts.load_failed;
  }

  /** Loads the messages in a gap, or (without one) before the oldest; the button shows progress and failure. */
  async #loadHistory(gap, button) {
    if (button.disabled) return;
    const { timeline, scroll, texts } = this.#use;
    const label = button.textContent;
    button.disabled = true;
    button.textContent = texts.loading;
    try {
      const request = timeline.historyRequest(gap);
      const page = await fetchMessages(request.before);
      scroll.preserve(() => {
        timeline.insertHistory(request, page);
        this.#unread.locate(this.#messagesOfOthers());
      });
      button.textContent = label;
    } catch {
      button.textContent = texts.load_failed;
    } finally {
      button.disabled = false;
    }
  }
}
