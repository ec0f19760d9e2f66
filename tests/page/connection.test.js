import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../static/backoff.js";
import { Connection } from "../../static/connection.js";

/** A connection with fake sockets and a clock that the test moves. */
function connect({ probe = {}, since = "7-1" } = {}) {
  const world = { sockets: [], frames: [], states: [], timers: new Map(), now: 0, since };
  let timer = 0;
  const clock = {
    now: () => world.now,
    set: (action, ms) => (world.timers.set((timer += 1), { action, at: world.now + ms }), timer),
    clear: (id) => world.timers.delete(id),
  };
  world.pass = (ms) => {
    world.now += ms;
    for (const [id, { action, at }] of [...world.timers]) {
      if (at <= world.now && world.timers.delete(id)) action();
    }
  };
  world.connection = new Connection({
    openSocket: () => {
      const socket = { readyState: 1, sent: [], closed: false };
      socket.send = (data) => socket.sent.push(JSON.parse(data));
      socket.close = () => (socket.closed = true);
      socket.receive = (frame) => socket.onmessage({ data: JSON.stringify(frame) });
      world.sockets.push(socket);
      return socket;
    },
    probe: () => Promise.resolve(probe),
    getSince: () => world.since,
    onFrame: (frame, request) => world.frames.push([frame.type, request]),
    onState: ({ state }) => world.states.push(state),
    backoff: new Backoff(() => 1),
    clock,
  });
  world.connection.connect();
  world.socket = () => world.sockets.at(-1);
  return world;
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

test("restart_reconnects_after_the_delay_that_was_asked_for", () => {
  const world = join();
  world.socket().receive({ type: "bye", reason: "restart", retry_after_ms: 3000 });
  world.socket().onclose({ code: 1012 });
  world.pass(3400);
  assert.equal(world.sockets.length, 1);
  world.pass(100);
  assert.equal(world.sockets.length, 2);
});

test("final_close_codes_end_the_connection", () => {
  for (const code of [4001, 1008]) {
    const world = join();
    world.socket().onclose({ code });
    world.pass(60_000);
    world.connection.connect();
    assert.equal(world.sockets.length, 1);
    assert.equal(world.states.at(-1), "ended");
  }
});

test("refused_upgrade_probes_and_ends_only_when_signed_out", async () => {
  const out = connect({ probe: { signedOut: true } });
  out.socket().onclose({ code: 1006 });
  await Promise.resolve();
  assert.equal(out.states.at(-1), "ended");
  const full = connect({ probe: { retryAfterMs: 2000 } });
  full.socket().onclose({ code: 1006 });
  await Promise.resolve();
  full.pass(2500);
  assert.equal(full.sockets.length, 2);
});

test("pong_ahead_of_since_rejoins_unless_the_message_arrives", () => {
  const world = join();
  world.socket().receive({ type: "pong", head: "7-2" });
  world.pass(1000);
  assert.equal(world.socket().sent.filter(({ type }) => type === "join").length, 2);
  world.socket().receive({ type: "welcome" });
  world.socket().receive({ type: "pong", head: "7-3" });
  world.since = "7-3";
  world.pass(1000);
  assert.equal(world.socket().sent.filter(({ type }) => type === "join").length, 2);
});

test("pong_without_a_head_reconnects", () => {
  const world = join();
  world.socket().receive({ type: "pong", head: null });
  assert.equal(world.socket().closed, true);
  world.pass(500);
  assert.equal(world.sockets.length, 2);
});

test("missing_pong_drops_the_connection", () => {
  const world = join();
  world.pass(20_000);
  assert.deepEqual(world.socket().sent.at(-1), { type: "ping" });
  world.pass(10_000);
  assert.equal(world.states.at(-1), "waiting");
});

test("refused_join_is_repeated_on_the_same_socket", () => {
  const world = connect();
  world.socket().onopen();
  world.socket().receive({ type: "error", code: "unavailable", retry_after_ms: 700 });
  world.pass(700);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.socket().sent.length, 2);
});

test("recovered_welcome_after_a_crossing_one_answers_the_join", () => {
  const world = join();
  const receive = (recovered) => world.socket().receive({ type: "welcome", recovered });
  world.socket().receive({ type: "pong", head: "7-2" });
  world.pass(1000);
  world.since = "9-9";
  receive(false);
  receive(true);
  assert.deepEqual(world.frames.slice(1), [["welcome", { since: "7-1" }], ["welcome", { since: "7-1" }]]);
  receive(false);
  assert.deepEqual(world.frames.at(-1), ["welcome", null]);
});
