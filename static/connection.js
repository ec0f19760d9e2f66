// The WebSocket of the page: joins, pings, and reconnects for as long as the page lives. Only a lost session ends it.

import { compareIds } from "./id.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const WELCOME_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 20_000;
const PONG_TIMEOUT_MS = 10_000;
/** After an event that hints at a dead connection, the pong must come sooner. */
const CHECK_TIMEOUT_MS = 2_500;
const REJOIN_DELAY_MS = 1_000;
const UNAVAILABLE_DELAY_MS = 2_000;

/** A probe that takes longer gets company: its packets may have been lost while the server was away. */
const PROBE_INTERVAL_MS = 3_000;
const MAX_PROBES = 4;
/** While nothing answers over HTTP, probes come at least this often. */
const LONGEST_PROBE_DELAY_MS = 3_500;
/** Clicks and keystrokes try no more often than this. */
const NUDGE_INTERVAL_MS = 1_000;
/** How often the clock is read, and the jump that shows that the device slept or the browser was frozen. */
const WATCH_INTERVAL_MS = 1_000;
const WAKE_MS = 8_000;

const SESSION_ENDED = 4001;
const RESTART = 1012;
/** The server refused a frame of this page, or speaks a later protocol: the current page may do better. */
const FAULT_CODES = new Set([1002, 1003, 1007, 1008, 1009]);
/** A reason is shown from this failure on: the first may be chance. */
const FAILURES_TO_EXPLAIN = 2;

const CLOCK = {
  set: (action, ms) => setTimeout(action, ms),
  clear: (timer) => clearTimeout(timer),
  now: () => Date.now(),
};

/**
 * Calls `onState` with { state }: "connecting", "online", "waiting" (with `until`; with a `reason` where one is known: "gateway",
 * "blocked", "crowded", "closed" or "unsubscribed"; `expected` where the instance announced a restart) or "ended" (the
 * session is over; `why` is "ended", or the cause that the server gives: "expired", "banned" or "name_lost"). Calls `onFrame` with each frame that is not its own; for a welcome also with the join that it
 * answers, { since }, or null. `openSocket` creates a WebSocket. `probe` asks over HTTP whether the server is there:
 * { isUp, reason, retryAfterMs }; `explain` why it refused a socket: { signedOut, reason, retryAfterMs }. `getSince`
 * returns the id to join from, `isHidden` whether the browser may slow down the page's timers.
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
  /** Why the session has ended, as the server says. */
  #cause = null;
  #isUnsubscribed = false;
  /** The server batches frames for a hidden page. */
  #takesAttention = false;
  #hasEnded = false;
  /** The first socket needs no probe: the page itself has just been loaded. */
  #needsProbe = false;
  /** Identifies the probes whose answers count; null while there are none. */
  #round = null;
  #probes = 0;
  /** The last probe found no server. */
  #wasDown = false;
  #triedAt = -Infinity;
  /** The server asked not to come back before. */
  #notBefore = -Infinity;
  /** When the last frame came. */
  heardAt = Infinity;
  /** Sockets in a row that were refused or closed for a fault, and why the last one was. */
  #failures = 0;
  #reason = null;

  constructor({ clock = CLOCK, isHidden = () => false, ...use }) {
    this.#use = { isHidden, ...use };
    this.#clock = clock;
    this.#watch(clock.now());
  }

  /** Connects at once, unless there is a connection or the session is over. */
  connect() {
    if (this.#socket || this.#hasEnded) return;
    this.#stopTimers();
    this.#triedAt = this.#clock.now();
    if (this.#needsProbe) this.#probe();
    else this.#open();
  }

  /** The network or the user may be back: connects soon, or checks with a ping whether the connection is alive. */
  check() {
    if (!this.#isJoined) return this.#nudge();
    if (this.#timers.has("check")) return;
    this.send({ type: "ping" });
    this.#startTimer("check", CHECK_TIMEOUT_MS, () => this.#drop({ atOnce: true }));
  }

  /** The user does something: connects soon. A connection that has been silent for too long is checked. */
  nudge() {
    if (!this.#isJoined) this.#nudge();
    else if (this.#clock.now() - this.heardAt > PING_INTERVAL_MS + CHECK_TIMEOUT_MS) this.check();
  }

  /** The page was hidden, or is seen again. */
  attend() {
    if (this.#takesAttention) this.send({ type: "attention", visible: !this.#use.isHidden() });
  }

  /** Sends a frame; returns false while the connection does not take any. */
  send(frame) {
    if (!this.#isJoined || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #nudge() {
    const now = this.#clock.now();
    if (now < this.#notBefore || now - this.#triedAt < NUDGE_INTERVAL_MS) return;
    this.connect();
  }

  /** Timers stand still while a device sleeps; a clock that jumps shows that it did. */
  #watch(last) {
    this.#clock.set(() => {
      if (this.#hasEnded) return;
      const now = this.#clock.now();
      this.#watch(now);
      if (now < last) this.#shiftTimes(now - last);
      if (now - last > WAKE_MS) this.#handleWake();
    }, WATCH_INTERVAL_MS);
  }

  /** The clock was set back: what was counted by it still counts. */
  #shiftTimes(ms) {
    this.#triedAt += ms;
    this.#notBefore += ms;
    this.heardAt += ms;
  }

  /** The server has given up a silent connection meanwhile, or soon will. In a hidden page the timers may only be slow. */
  #handleWake() {
    if (this.#isJoined && !this.#use.isHidden()) this.#drop({ atOnce: true });
    else this.check();
  }

  /** A round of probes: the first answer ends it, and so does the failure of all. */
  #probe() {
    this.#startTimer("probe", PROBE_INTERVAL_MS, () => this.#probe());
    if (this.#round !== null && this.#probes >= MAX_PROBES) return;
    const round = (this.#round ??= {});
    this.#probes += 1;
    this.#use.probe().then((answer) => {
      if (this.#round !== round) return;
      this.#probes -= 1;
      if (answer.isUp || answer.reason || answer.retryAfterMs || this.#probes === 0) this.#handleProbe(answer);
    });
  }

  #handleProbe({ isUp, reason = null, retryAfterMs = 0 }) {
    this.#endRound();
    if (isUp) {
      // The delays have grown while there was no server; probes have spread the pages.
      if (this.#wasDown) this.#use.backoff.reset();
      this.#wasDown = false;
      return this.#open();
    }
    this.#wasDown = true;
    this.#reason = reason;
    this.#wait({ retryAfterMs, longestMs: LONGEST_PROBE_DELAY_MS });
  }

  #endRound() {
    this.#round = null;
    this.#probes = 0;
    this.#stopTimer("probe");
  }

  #open() {
    this.#reset();
    this.#use.onState({ state: "connecting", reason: this.#reason });
    let socket;
    try {
      socket = this.#use.openSocket();
    } catch {
      // Policies of the browser or its extensions may forbid sockets.
      return this.#handleFailure("blocked", 0);
    }
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      this.#join();
    };
    socket.onmessage = ({ data }) => this.#socket === socket && this.#receive(data);
    socket.onclose = ({ code }) => this.#socket === socket && this.#handleClose(code);
    this.#startTimer("welcome", WELCOME_TIMEOUT_MS, () => this.#drop());
  }

  #reset() {
    this.#isOpen = false;
    this.#isJoined = false;
    this.#joins = [];
    this.#lastJoin = null;
    this.#retryAfterMs = 0;
    this.#notBefore = -Infinity;
    this.#isUnsubscribed = false;
  }

  #join() {
    if (this.#socket?.readyState !== 1) return;
    const since = this.#use.getSince();
    this.#lastJoin = { since };
    this.#joins.push(this.#lastJoin);
    this.#socket.send(JSON.stringify(since ? { type: "join", since, changes: this.#use.getChanges?.() } : { type: "join" }));
    this.#startTimer("welcome", WELCOME_TIMEOUT_MS, () => this.#drop());
  }

  #receive(data) {
    const frame = JSON.parse(data);
    this.heardAt = this.#clock.now();
    // Whatever arrives shows that the connection is alive.
    this.#stopTimer("check");
    if (frame.type === "welcome") return this.#handleWelcome(frame);
    if (frame.type === "pong") return this.#handlePong(frame.head);
    if (frame.type === "bye") this.#handleBye(frame);
    else if (frame.type === "error" && frame.nonce === undefined && this.#joins.length > 0) this.#joinLater(frame);
    else this.#use.onFrame(frame);
  }

  #handleBye({ cause = null, retry_after_ms: ms = 0 }) {
    this.#cause = cause;
    this.#retryAfterMs = ms;
  }

  #handleWelcome(frame) {
    const request = this.#requestOf(frame);
    this.#isJoined = true;
    this.#reason = null;
    this.#stopTimer("welcome");
    if (!this.#timers.has("ping")) this.#schedulePing();
    this.#use.onState({ state: "online" });
    this.#use.onFrame(frame, request);
    this.#takesAttention = frame.attention === true;
    if (this.#use.isHidden()) this.attend();
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
    this.#failures = 0;
    // An instance that lost its place does not know the newest position.
    if (head === null) return;
    const isBehind = () => this.#use.getSince() === null || compareIds(head, this.#use.getSince()) > 0;
    // The message may be on its way; if it does not arrive, it was lost.
    if (isBehind()) this.#startTimer("rejoin", REJOIN_DELAY_MS, () => isBehind() && this.#join());
  }

  /** Abandons a socket without waiting for its close event: on a dead network that takes minutes. */
  #drop({ atOnce = false } = {}) {
    const socket = this.#socket;
    this.#forget();
    socket.close();
    if (!atOnce) return this.#wait();
    this.#showWaiting(this.#clock.now());
    this.connect();
  }

  #forget() {
    this.#socket = null;
    this.#isJoined = false;
    this.#needsProbe = true;
    this.#stopTimers();
  }

  #handleClose(code) {
    this.#forget();
    if (code === SESSION_ENDED) return this.#end(this.#cause ?? "ended");
    if (FAULT_CODES.has(code) || code >= 4000) return this.#handleFailure("closed", this.#retryAfterMs);
    if (this.#isOpen) return this.#wait({ retryAfterMs: this.#retryAfterMs, expected: code === RESTART });
    // A browser does not reveal the status with which an upgrade was refused.
    this.#showWaiting(this.#clock.now());
    this.#use.explain().then(({ signedOut, reason = null, retryAfterMs = 0 }) => {
      if (this.#socket || this.#round) return;
      if (signedOut) return this.#end("expired");
      if (reason) return this.#handleFailure(reason, retryAfterMs);
      this.#reason = null;
      this.#wait({ retryAfterMs });
    });
  }

  /** The server is there, but gives no usable connection. */
  #handleFailure(reason, retryAfterMs) {
    this.#needsProbe = true;
    this.#failures += 1;
    this.#reason = this.#failures >= FAILURES_TO_EXPLAIN || reason === "gateway" ? reason : null;
    this.#wait({ retryAfterMs });
  }

  #wait({ retryAfterMs = 0, longestMs, expected = false } = {}) {
    const now = this.#clock.now();
    const ms = this.#use.backoff.next(retryAfterMs, longestMs);
    this.#notBefore = now + retryAfterMs;
    this.#showWaiting(now + ms, expected);
    this.#startTimer("retry", ms, () => this.connect());
  }

  #showWaiting(until, expected = false) {
    const reason = this.#isUnsubscribed ? "unsubscribed" : this.#reason;
    this.#use.onState({ state: "waiting", until, reason, expected });
  }

  #end(why) {
    this.#hasEnded = true;
    this.#use.onState({ state: "ended", why });
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

/** Delays between attempts to connect, with full jitter, so that a thousand pages do not return at once. The range of the random delay doubles with each failure, up to a bound, and resets after a success. */
export class Backoff {
  #failures = 0;
  #random;

  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Returns the milliseconds to wait now: the delay that the server asked for plus a random one, of `longestMs` at most. */
  next(retryAfterMs = 0, longestMs = LONGEST_DELAY_MS) {
    const range = Math.min(longestMs, FIRST_DELAY_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max(0, retryAfterMs) + this.#random() * range;
  }

  reset() {
    this.#failures = 0;
  }
}
