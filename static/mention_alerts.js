// Decides which tab alerts the user to mentions: one for all, once per batch, and none while a tab is in front. Tabs talk
// over a channel. Does not touch the DOM.

import { compareIds } from "./id.js";

/** How long the other tabs may take to answer; mentions that arrive meanwhile are part of the batch. */
const ANSWER_MS = 300;
/** A batch that another tab was to announce is looked at again. */
const YIELD_MS = 2_000;
/** Time between two alerts. */
const PAUSE_MS = 5_000;

const CLOCK = { set: (action, ms) => setTimeout(action, ms), now: () => Date.now() };

/**
 * `alert` is called with the newest mention of a batch and the number of mentions since the user was last in front of a
 * tab. `isInFront` returns whether this tab is.
 */
export class MentionAlerts {
  #id;
  #channel;
  #isInFront;
  #alert;
  #clock;
  #pending = [];
  #isAsking = false;
  /** This tab must not alert now: another is in front, or has the lower id. */
  #isRefused = false;
  #newestId = null;
  #alertedAt = -Infinity;
  #count = 0;

  constructor({ channel, isInFront, alert, clock = CLOCK, id = Math.random() }) {
    this.#id = id;
    this.#channel = channel;
    this.#isInFront = isInFront;
    this.#alert = alert;
    this.#clock = clock;
    channel.onmessage = ({ data }) => this.#receive(data);
  }

  /** The user is mentioned. */
  add(message) {
    if (this.#isInFront() || !this.#isNew(message)) return;
    this.#pending.push(message);
    // A clock that was set back makes no pause longer.
    this.#askIn(Math.min(PAUSE_MS, this.#alertedAt + PAUSE_MS - this.#clock.now()));
  }

  /** The user is in front of this tab: nothing is left to be told. */
  clear() {
    this.#forget();
    this.#channel.postMessage({ front: true });
  }

  #isNew({ id }) {
    return this.#newestId === null || compareIds(id, this.#newestId) > 0;
  }

  #forget() {
    this.#pending = [];
    this.#count = 0;
    this.#isRefused = true;
  }

  #askIn(ms) {
    if (this.#isAsking) return;
    this.#isAsking = true;
    if (ms > 0) this.#clock.set(() => this.#ask(), ms);
    else this.#ask();
  }

  #ask() {
    this.#isRefused = false;
    this.#channel.postMessage({ ask: this.#id });
    this.#clock.set(() => this.#decide(), ANSWER_MS);
  }

  #decide() {
    this.#isAsking = false;
    if (this.#pending.length === 0 || this.#isInFront()) return this.#forget();
    if (this.#isRefused) return this.#askIn(YIELD_MS);
    const newest = this.#pending.at(-1);
    this.#count += this.#pending.length;
    this.#finish(newest.id, this.#count);
    this.#channel.postMessage({ alerted: newest.id, count: this.#count });
    this.#alert(newest, this.#count);
  }

  #finish(newestId, count) {
    this.#newestId = newestId;
    this.#count = count;
    this.#alertedAt = this.#clock.now();
    this.#pending = this.#pending.filter((message) => this.#isNew(message));
  }

  #receive({ ask, front, mine, alerted, count }) {
    if (ask !== undefined && this.#isInFront()) this.#channel.postMessage({ front: true });
    else if (ask !== undefined && this.#isAsking && this.#id < ask) this.#channel.postMessage({ mine: ask });
    if (front) this.#forget();
    if (mine === this.#id) this.#isRefused = true;
    if (alerted !== undefined) this.#finish(alerted, count);
  }
}
