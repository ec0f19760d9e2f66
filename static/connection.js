// The WebSocket of the page: joins, pings, and reconnects for as long as the page lives.

import { compareIds } from "./id.js";

const WELCOME_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 20_000;
const PONG_TIMEOUT_MS = 10_000;
const REJOIN_DELAY_MS = 1_000;
const UNAVAILABLE_DELAY_MS = 2_000;

const SESSION_ENDED = 4001;
const RESTART = 1012;
/** After these close codes a new connection would fail in the same way. */
const FINAL_CODES = new Set([1002, 1003, 1007, 1008, 1009]);

const CLOCK = {
  set: (action, ms) => setTimeout(action, ms),
  clear: (timer) => clearTimeout(timer),
  now: () => Date.now(),
};

/**
 * Calls `onState` with { state }: "connecting", "online", "waiting" (with `until`; `unsubscribed` where the instance does
 * not receive the room's messages, `expected` where it announced a restart) or "ended" (with `signedOut`). Calls `onFrame`
 * with each frame that is not its own; for a welcome also with the join that it answers, { since }, or null. `openSocket`
 * creates a WebSocket; `probe` finds out why none opened: { signedOut } or { retryAfterMs }; `getSince` returns the id
 * to join from.
 */
export class Connection {
  #use;
  #clock;
  #timers = new Map();
  #socket = null;
  #isOpen = false;
  #isJoined = false;
  /** Joins that are not yet answered, oldest first: { since }. */
  #joins = [];
  #lastJoin = null;
  #retryAfterMs = 0;
  #isUnsubscribed = false;
  #hasEnded = false;

  constructor({ clock = CLOCK, ...use }) {
    this.#use = use;
    this.#clock = clock;
  }

  /** Connects, unless there is a connection or the server has ended it for good. */
  connect() {
    if (this.#socket || this.#hasEnded) return;
    this.#stopTimers();
    this.#reset();
    this.#use.onState({ state: "connecting" });
    const socket = this.#use.openSocket();
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      this.#join();
    };
    socket.onmessage = ({ data }) => this.#socket === socket && this.#receive(data);
    socket.onclose = ({ code }) => this.#socket === socket && this.#handleClose(code);
    this.#startTimer("welcome", WELCOME_TIMEOUT_MS, () => this.#drop());
  }

  /** The network or the user is back: connects at once, or checks with a ping whether the connection is alive. */
  check() {
    this.connect();
    if (!this.#isJoined || this.#timers.has("pong")) return;
    this.#stopTimer("ping");
    this.#ping();
  }

  /** Sends a frame; returns false while the connection does not take any. */
  send(frame) {
    if (!this.#isJoined || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #reset() {
    this.#isOpen = false;
    this.#isJoined = false;
    this.#joins = [];
    this.#lastJoin = null;
    this.#retryAfterMs = 0;
    this.#isUnsubscribed = false;
  }

  #join() {
    if (this.#socket?.readyState !== 1) return;
    const since = this.#use.getSince();
    this.#lastJoin = { since };
    this.#joins.push(this.#lastJoin);
    this.#socket.send(JSON.stringify(since ? { type: "join", since } : { type: "join" }));
    this.#startTimer("welcome", WELCOME_TIMEOUT_MS, () => this.#drop());
  }

  #receive(data) {
    const frame = JSON.parse(data);
    if (frame.type === "welcome") return this.#handleWelcome(frame);
    if (frame.type === "pong") return this.#handlePong(frame.head);
    if (frame.type === "bye") this.#retryAfterMs = frame.retry_after_ms ?? 0;
    else if (frame.type === "error" && frame.nonce === undefined && this.#joins.length > 0) this.#joinLater(frame);
    else this.#use.onFrame(frame);
  }

  #handleWelcome(frame) {
    const request = this.#requestOf(frame);
    this.#isJoined = true;
    this.#stopTimer("welcome");
    if (!this.#timers.has("ping")) this.#schedulePing();
    this.#use.onState({ state: "online" });
    this.#use.onFrame(frame, request);
  }

  /**
   * Returns the join that a welcome answers, or null. One that was not requested is never `recovered`, but can cross a
   * join and be taken for its answer, which then follows: a recovered welcome always answers the last join.
   */
  #requestOf({ recovered }) {
    return this.#joins.shift() ?? (recovered ? this.#lastJoin : null);
  }

  #joinLater({ retry_after_ms: ms }) {
    this.#joins.shift();
    this.#startTimer("rejoin", ms ?? UNAVAILABLE_DELAY_MS, () => this.#join());
  }

  #schedulePing() {
    this.#startTimer("ping", PING_INTERVAL_MS, () => this.#ping());
  }

  #ping() {
    this.send({ type: "ping" });
    this.#startTimer("pong", PONG_TIMEOUT_MS, () => this.#drop());
  }

  #handlePong(head) {
    this.#stopTimer("pong");
    this.#schedulePing();
    if (head === null && this.#use.getSince() !== null) {
      this.#isUnsubscribed = true;
      return this.#drop();
    }
    this.#use.backoff.reset();
    // An empty room has no newest message.
    if (head === null) return;
    const isBehind = () => this.#use.getSince() === null || compareIds(head, this.#use.getSince()) > 0;
    // The message may be on its way; if it does not arrive, it was lost.
    if (isBehind()) this.#startTimer("rejoin", REJOIN_DELAY_MS, () => isBehind() && this.#join());
  }

  /** Abandons a socket without waiting for its close event: on a dead network that takes minutes. */
  #drop() {
    const socket = this.#socket;
    this.#handleClose(1006);
    socket.close();
  }

  #handleClose(code) {
    this.#socket = null;
    this.#isJoined = false;
    this.#stopTimers();
    if (code === SESSION_ENDED) return this.#end({ signedOut: true });
    if (FINAL_CODES.has(code)) return this.#end({ signedOut: false });
    if (this.#isOpen) return this.#wait(this.#retryAfterMs, code === RESTART);
    // A browser does not reveal the status with which an upgrade was refused.
    this.#use.onState({ state: "waiting", until: this.#clock.now(), unsubscribed: false });
    this.#use.probe().then(({ signedOut, retryAfterMs }) => {
      if (this.#socket) return;
      if (signedOut) this.#end({ signedOut: true });
      else this.#wait(retryAfterMs ?? 0);
    });
  }

  #wait(retryAfterMs, expected = false) {
    const ms = this.#use.backoff.next(retryAfterMs);
    const until = this.#clock.now() + ms;
    this.#use.onState({ state: "waiting", until, unsubscribed: this.#isUnsubscribed, expected });
    this.#startTimer("retry", ms, () => this.connect());
  }

  #end({ signedOut }) {
    this.#hasEnded = true;
    this.#use.onState({ state: "ended", signedOut });
  }

  #startTimer(name, ms, action) {
    this.#stopTimer(name);
    const timer = this.#clock.set(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, timer);
  }

  #stopTimer(name) {
    this.#clock.clear(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #stopTimers() {
    for (const name of [...this.#timers.keys()]) this.#stopTimer(name);
  }
}
