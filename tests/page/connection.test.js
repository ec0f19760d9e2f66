import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, Connection } from "../../static/connection.js";

/** A connection with fake sockets and a clock that the test moves. `answer` is what its probes and explanations return. */
function connect({ answer = { isUp: true }, since = "7-1" } = {}) {
  const world = { sockets: [], frames: [], states: [], timers: new Map(), now: 0, offset: 0, since, answer, probes: 0 };
  let timer = 0;
  const clock = {
    now: () => world.now + world.offset,
    set: (action, ms) => (world.timers.set((timer += 1), { action, at: world.now + ms }), timer),
    clear: (id) => world.timers.delete(id),
  };
  const next = (until) => [...world.timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
  /** Fires the timers one after the other, each at its time, and lets promises settle. */
  world.pass = async (ms) => {
    const until = world.now + ms;
    for (let due = next(until); due; due = next(until)) {
      world.now = Math.max(world.now, due[1].at);
      world.timers.delete(due[0]);
      due[1].action();
      await settle();
    }
    world.now = until;
  };
  /** The device sleeps: the clock goes on, timers fire only afterwards. */
  world.sleep = async (ms) => {
    world.now += ms;
    await world.pass(0);
  };
  const ask = () => Promise.resolve(typeof world.answer === "function" ? world.answer() : world.answer);
  world.connection = new Connection({
    openSocket: () => {
      const socket = { readyState: 1, sent: [], closed: false };
      socket.send = (data) => socket.sent.push(JSON.parse(data));
      socket.close = () => (socket.closed = true);
      socket.receive = (frame) => socket.onmessage({ data: JSON.stringify(frame) });
      world.sockets.push(socket);
      return socket;
    },
    probe: () => ((world.probes += 1), ask()),
    explain: ask,
    getSince: () => world.since,
    isHidden: () => world.isHidden ?? false,
    onFrame: (frame, request) => world.frames.push([frame.type, request]),
    onState: (state) => world.states.push(state),
    backoff: new Backoff(() => 1),
    clock,
  });
  world.connection.connect();
  world.socket = () => world.sockets.at(-1);
  world.state = () => world.states.at(-1).state;
  world.reason = () => world.states.at(-1).reason;
  return world;
}

/** Lets pending promises settle. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** The socket in use is refused, and the explanation has arrived. */
async function refuse(world) {
  world.socket().onclose({ code: 1006 });
  await settle();
}

function join(options) {
  const world = connect(options);
  world.socket().onopen();
  world.socket().receive({ type: "welcome" });
  return world;
}

test("join_precedes_every_frame_and_names_since", () => {
  const world = connect();
  world.socket().onopen();
  assert.deepEqual(world.socket().sent, [{ type: "join", since: "7-1" }]);
  assert.equal(world.connection.send({ type: "message" }), false);
  world.socket().receive({ type: "welcome" });
  assert.equal(world.connection.send({ type: "message" }), true);
  assert.deepEqual(world.frames, [["welcome", { since: "7-1" }]]);
});

test("unrequested_welcome_is_reported_without_a_join", () => {
  const world = join();
  world.socket().receive({ type: "welcome" });
  assert.deepEqual(world.frames.at(-1), ["welcome", null]);
});

test("restart_reconnects_after_the_delay_that_was_asked_for", async () => {
  const world = join();
  world.socket().receive({ type: "bye", reason: "restart", retry_after_ms: 3000 });
  world.socket().onclose({ code: 1012 });
  await world.pass(3400);
  assert.equal(world.sockets.length, 1);
  world.connection.nudge();
  await settle();
  assert.equal(world.sockets.length, 2, "three seconds have passed");
});

test("nudge_respects_the_delay_that_the_server_asked_for", async () => {
  const world = join();
  world.socket().receive({ type: "bye", reason: "restart", retry_after_ms: 3000 });
  world.socket().onclose({ code: 1012 });
  await world.pass(2000);
  for (const method of ["nudge", "check"]) world.connection[method]();
  await settle();
  assert.equal(world.sockets.length, 1);
});

test("only_a_lost_session_ends_the_connection", async () => {
  const out = join();
  out.socket().onclose({ code: 4001 });
  await out.pass(600_000);
  out.connection.connect();
  assert.equal(out.sockets.length, 1);
  assert.deepEqual(out.states.at(-1), { state: "ended", why: "ended" });
  for (const code of [1002, 1003, 1007, 1008, 1009, 1013, 1001, 1006, 1011, 4999, 3000]) {
    const world = join();
    world.socket().onclose({ code });
    await world.pass(1000);
    assert.equal(world.sockets.length, 2, String(code));
  }
});

test("second_close_for_a_fault_is_explained", async () => {
  const world = join();
  world.socket().onclose({ code: 1008 });
  assert.equal(world.reason(), null);
  await world.pass(1000);
  world.socket().onopen();
  world.socket().receive({ type: "welcome" });
  world.socket().onclose({ code: 1008 });
  assert.equal(world.reason(), "closed");
});

test("refused_upgrade_ends_only_when_signed_out", async () => {
  const out = connect({ answer: { signedOut: true } });
  await refuse(out);
  assert.deepEqual(out.states.at(-1), { state: "ended", why: "expired" });
  const full = connect({ answer: { retryAfterMs: 2000 } });
  await refuse(full);
  full.answer = { isUp: true };
  await full.pass(2500);
  assert.equal(full.sockets.length, 2);
});

test("second_refusal_is_explained_and_a_gateway_at_once", async () => {
  for (const reason of ["blocked", "crowded", "closed"]) {
    const world = connect();
    for (const expected of [null, reason, reason]) {
      world.answer = { reason };
      await refuse(world);
      assert.deepEqual([world.state(), world.reason()], ["waiting", expected]);
      world.answer = { isUp: true };
      await world.pass(2000);
      assert.equal(world.reason(), expected, "it stays while the next socket opens");
    }
    world.socket().onopen();
    world.socket().receive({ type: "welcome" });
    world.socket().onclose({ code: 1006 });
    assert.equal(world.reason(), null);
  }
  const world = connect({ answer: { reason: "gateway" } });
  await refuse(world);
  assert.equal(world.reason(), "gateway");
});

test("socket_that_cannot_be_created_counts_as_blocked", async () => {
  const world = join();
  const before = world.sockets.length;
  world.sockets.push = () => { throw new DOMException("", "SecurityError"); };
  world.socket().onclose({ code: 1006 });
  await world.pass(3000);
  assert.equal(world.sockets.length, before);
  assert.deepEqual([world.state(), world.reason()], ["waiting", "blocked"]);
});

test("no_socket_opens_until_the_server_answers_over_http", async () => {
  const world = join();
  world.answer = {};
  world.socket().onclose({ code: 1006 });
  await world.pass(300_000);
  assert.equal(world.sockets.length, 1);
  assert.ok(world.probes > 60, `${world.probes} probes in 300 s`);
  world.answer = { isUp: true };
  await world.pass(4000);
  assert.equal(world.sockets.length, 2, "back within the longest delay between probes");
});

test("hanging_probe_gets_company_and_the_first_answer_counts", async () => {
  const world = join();
  const pending = [];
  world.answer = () => new Promise((resolve) => pending.push(resolve));
  world.socket().onclose({ code: 1006 });
  await world.pass(60_000);
  assert.equal(pending.length, 4, "and no more than four");
  pending[0]({});
  await settle();
  assert.equal(world.sockets.length, 1);
  pending[3]({ isUp: true });
  await settle();
  pending[1]({ isUp: true });
  await settle();
  assert.equal(world.sockets.length, 2);
});

test("socket_refused_after_an_outage_is_tried_again_soon", async () => {
  const world = join();
  world.answer = {};
  world.socket().onclose({ code: 1006 });
  await world.pass(300_000);
  world.answer = { isUp: true };
  await world.pass(4000);
  await refuse(world);
  await world.pass(1000);
  assert.equal(world.sockets.length, 3);
});

test("events_and_clicks_try_at_once", async () => {
  for (const method of ["check", "nudge", "connect"]) {
    const world = join();
    world.answer = {};
    world.socket().onclose({ code: 1006 });
    await world.pass(60_000);
    world.answer = { isUp: true };
    await world.pass(1000 - (world.now % 1000));
    if (world.sockets.length === 1) world.connection[method]();
    await settle();
    assert.equal(world.sockets.length, 2, method);
  }
});

test("keystrokes_try_once_a_second_at_most", async () => {
  const world = join();
  world.answer = {};
  world.socket().onclose({ code: 1006 });
  await world.pass(60_000);
  const before = world.probes;
  for (let n = 0; n < 100; n += 1) {
    await world.pass(20);
    world.connection.nudge();
    await settle();
  }
  assert.ok(world.probes - before <= 4, `${world.probes - before} probes in 2 s`);
});

test("wake_replaces_the_connection_at_once", async () => {
  const world = join();
  await world.sleep(75_000);
  assert.equal(world.sockets[0].closed, true);
  assert.equal(world.sockets.length, 2);
});

test("wake_of_a_waiting_page_tries_at_once", async () => {
  const world = join();
  world.answer = { retryAfterMs: 10_000 };
  world.socket().onclose({ code: 1006 });
  await world.pass(5000);
  world.answer = { isUp: true };
  await world.sleep(75_000);
  assert.equal(world.sockets.length, 2);
});

test("slow_timers_of_a_hidden_page_cost_no_connection", async () => {
  const world = join();
  world.isHidden = true;
  for (let n = 0; n < 3; n += 1) {
    await world.sleep(60_000);
    assert.deepEqual(world.socket().sent.at(-1), { type: "ping" });
    world.socket().receive({ type: "pong", head: "7-1" });
  }
  assert.equal(world.sockets.length, 1);
  await world.sleep(60_000);
  await world.pass(3000);
  assert.equal(world.sockets.length, 2, "a missing pong does");
});

test("keystroke_on_a_silent_connection_checks_it", async () => {
  const world = join();
  world.socket().receive({ type: "pong", head: "7-1" });
  world.connection.nudge();
  assert.equal(world.socket().sent.length, 1);
  await world.pass(24_000);
  world.connection.nudge();
  await world.pass(2500);
  assert.equal(world.sockets.length, 2);
});

test("clock_set_back_hides_no_silence", async () => {
  const world = join();
  world.socket().receive({ type: "pong", head: "7-1" });
  world.offset = -3_600_000;
  await world.pass(24_000);
  world.connection.nudge();
  await world.pass(2500);
  assert.equal(world.sockets.length, 2);
});

test("pong_ahead_of_since_rejoins_unless_the_message_arrives", async () => {
  const world = join();
  world.socket().receive({ type: "pong", head: "7-2" });
  await world.pass(1000);
  assert.equal(world.socket().sent.filter(({ type }) => type === "join").length, 2);
  world.socket().receive({ type: "welcome" });
  world.socket().receive({ type: "pong", head: "7-3" });
  world.since = "7-3";
  await world.pass(1000);
  assert.equal(world.socket().sent.filter(({ type }) => type === "join").length, 2);
});

test("pong_without_a_head_reconnects", async () => {
  const world = join();
  world.socket().receive({ type: "pong", head: null });
  assert.equal(world.socket().closed, true);
  await world.pass(500);
  assert.equal(world.sockets.length, 2);
});

test("missing_pong_drops_the_connection", async () => {
  const world = join();
  await world.pass(20_000);
  assert.deepEqual(world.socket().sent.at(-1), { type: "ping" });
  await world.pass(10_000);
  assert.equal(world.socket().closed, true);
});

test("refused_join_is_repeated_on_the_same_socket", async () => {
  const world = connect();
  world.socket().onopen();
  world.socket().receive({ type: "error", code: "unavailable", retry_after_ms: 700 });
  await world.pass(700);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.socket().sent.length, 2);
});

test("recovered_welcome_after_a_crossing_one_answers_the_join", async () => {
  const world = join();
  const receive = (recovered) => world.socket().receive({ type: "welcome", recovered });
  world.socket().receive({ type: "pong", head: "7-2" });
  await world.pass(1000);
  world.since = "9-9";
  receive(false);
  receive(true);
  assert.deepEqual(world.frames.slice(1), [["welcome", { since: "7-1" }], ["welcome", { since: "7-1" }]]);
  receive(false);
  assert.deepEqual(world.frames.at(-1), ["welcome", null]);
});

test("page_says_whether_it_is_hidden_to_a_server_that_asks", () => {
  const world = connect();
  const attentions = () => world.socket().sent.filter(({ type }) => type === "attention");
  world.socket().onopen();
  world.socket().receive({ type: "welcome", attention: true });
  assert.deepEqual(attentions(), [], "a page that is seen says nothing");
  world.isHidden = true;
  world.connection.attend();
  world.socket().receive({ type: "welcome", attention: true });
  world.isHidden = false;
  world.connection.attend();
  assert.deepEqual(attentions().map(({ visible }) => visible), [false, false, true]);
});

test("page_says_nothing_about_attention_to_an_older_server", () => {
  const world = connect();
  world.isHidden = true;
  world.socket().onopen();
  world.socket().receive({ type: "welcome" });
  world.connection.attend();
  assert.ok(world.socket().sent.every(({ type }) => type !== "attention"));
});
