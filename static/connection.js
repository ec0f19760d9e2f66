// One WebSocket at a time, for as long as the page lives: joins, pings, and comes back by itself.

import { compare } from "./id.js";

const WELCOME_WITHIN_MS = 10_000;
const PING_EVERY_MS = 20_000;
const PONG_WITHIN_MS = 10_000;
const REJOIN_AFTER_MS = 1_000;
const REJOIN_UNAVAILABLE_MS = 2_000;

const SESSION_ENDED = 4001;
const RESTART = 1012;
/** Coming back after these would only repeat the fault. */
const FINAL = new Set([1002, 1003, 1007, 1008, 1009]);

const CLOCK = {
  set: (action, ms) => setTimeout(action, ms),
  clear: (timer) => clearTimeout(timer),
  now: () => Date.now(),
};

/**
 * Tells `changed` of { state }: "connecting", "online", "waiting" (with `until`; `deaf` where the instance could not
 * hear the room, `expected` where it said that it would be gone), "ended" (with `signedOut`); and `heard` of every frame that is not its own business, of a
 * welcome with whether it was asked for. `open` makes a WebSocket; `probe` finds out why none could be opened and
 * answers { signedOut } or { retryAfterMs }; `since` answers the id to join from.
 */
export class Connection {
  #use;
  #clock;
  #timers = new Map();
  #socket = null;
  #opened = false;
  #joined = false;
  #asked = 0;
  #retryAfterMs = 0;
  #deaf = false;
  #over = false;

  constructor({ clock = CLOCK, ...use }) {
    this.#use = use;
    this.#clock = clock;
  }

  /** Connects, unless it is connected, or was told for good to stay away. */
  connect() {
    if (this.#socket || this.#over) return;
    this.#stopTimers();
    this.#reset();
    this.#use.changed({ state: "connecting" });
    const socket = this.#use.open();
    this.#socket = socket;
    socket.onopen = () => {
      this.#opened = true;
      this.#join();
    };
    socket.onmessage = ({ data }) => this.#socket === socket && this.#receive(data);
    socket.onclose = ({ code }) => this.#socket === socket && this.#closed(code);
    this.#after("welcome", WELCOME_WITHIN_MS, () => this.#drop());
  }

  /** The network or the person is back: connects at once, or finds out now whether the link still lives. */
  check() {
    this.connect();
    if (!this.#joined || this.#timers.has("pong")) return;
    this.#stop("ping");
    this.#ping();
  }

  /** Sends a frame; answers false while nothing may be sent. */
  send(frame) {
    if (!this.#joined || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #reset() {
    this.#opened = false;
    this.#joined = false;
    this.#asked = 0;
    this.#retryAfterMs = 0;
    this.#deaf = false;
  }

  #join() {
    if (this.#socket?.readyState !== 1) return;
    this.#asked += 1;
    const since = this.#use.since();
    this.#socket.send(JSON.stringify(since ? { type: "join", since } : { type: "join" }));
    this.#after("welcome", WELCOME_WITHIN_MS, () => this.#drop());
  }

  #receive(data) {
    const frame = JSON.parse(data);
    if (frame.type === "welcome") return this.#welcomed(frame);
    if (frame.type === "pong") return this.#ponged(frame.head);
    if (frame.type === "bye") this.#retryAfterMs = frame.retry_after_ms ?? 0;
    else if (frame.type === "error" && frame.nonce === undefined && this.#asked > 0) this.#joinLater(frame);
    else this.#use.heard(frame);
  }

  #welcomed(frame) {
    const asked = this.#asked > 0;
    this.#asked = 0;
    this.#joined = true;
    this.#stop("welcome");
    if (!this.#timers.has("ping")) this.#pingLater();
    this.#use.changed({ state: "online" });
    this.#use.heard(frame, asked);
  }

  #joinLater({ retry_after_ms: ms }) {
    this.#asked -= 1;
    this.#after("rejoin", ms ?? REJOIN_UNAVAILABLE_MS, () => this.#join());
  }

  #pingLater() {
    this.#after("ping", PING_EVERY_MS, () => this.#ping());
  }

  #ping() {
    this.send({ type: "ping" });
    this.#after("pong", PONG_WITHIN_MS, () => this.#drop());
  }

  #ponged(head) {
    this.#stop("pong");
    this.#pingLater();
    if (head === null && this.#use.since() !== null) {
      this.#deaf = true;
      return this.#drop();
    }
    this.#use.backoff.reset();
    // An empty room has no newest message.
    if (head === null) return;
    const behind = () => this.#use.since() === null || compare(head, this.#use.since()) > 0;
    // The message may be on its way; if it is not, it was lost.
    if (behind()) this.#after("rejoin", REJOIN_AFTER_MS, () => behind() && this.#join());
  }

  /** Gives a socket up without waiting for its close: on a dead link that would take minutes. */
  #drop() {
    const socket = this.#socket;
    this.#closed(1006);
    socket.close();
  }

  #closed(code) {
    this.#socket = null;
    this.#joined = false;
    this.#stopTimers();
    if (code === SESSION_ENDED) return this.#end({ signedOut: true });
    if (FINAL.has(code)) return this.#end({ signedOut: false });
    if (this.#opened) return this.#wait(this.#retryAfterMs, code === RESTART);
    // A browser does not say with which status an upgrade was refused.
    this.#use.changed({ state: "waiting", until: this.#clock.now(), deaf: false });
    this.#use.probe().then(({ signedOut, retryAfterMs }) => {
      if (this.#socket) return;
      if (signedOut) this.#end({ signedOut: true });
      else this.#wait(retryAfterMs ?? 0);
    });
  }

  #wait(retryAfterMs, expected = false) {
    const ms = this.#use.backoff.next(retryAfterMs);
    this.#use.changed({ state: "waiting", until: this.#clock.now() + ms, deaf: this.#deaf, expected });
    this.#after("retry", ms, () => this.connect());
  }

  #end({ signedOut }) {
    this.#over = true;
    this.#use.changed({ state: "ended", signedOut });
  }

  #after(name, ms, action) {
    this.#stop(name);
    const timer = this.#clock.set(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, timer);
  }

  #stop(name) {
    this.#clock.clear(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #stopTimers() {
    for (const name of [...this.#timers.keys()]) this.#stop(name);
  }
}
