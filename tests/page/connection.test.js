import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../static/backoff.js";
import { Connection } from "../../static/connection.js";

/** A connection on sockets and a clock that the test moves. */
function connected({ probe = {}, since = "7-1" } = {}) {
  const world = { sockets: [], heard: [], changes: [], timers: new Map(), now: 0, since };
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
    open: () => {
      const socket = { readyState: 1, sent: [], closed: false };
      socket.send = (data) => socket.sent.push(JSON.parse(data));
      socket.close = () => (socket.closed = true);
      socket.say = (frame) => socket.onmessage({ data: JSON.stringify(frame) });
      world.sockets.push(socket);
      return socket;
    },
    probe: () => Promise.resolve(probe),
    since: () => world.since,
    heard: (frame, asked) => world.heard.push([frame.type, asked]),
    changed: (change) => world.changes.push(change.state),
    backoff: new Backoff(() => 1),
    clock,
  });
  world.connection.connect();
  world.socket = () => world.sockets.at(-1);
  return world;
}

function joined(options) {
  const world = connected(options);
  world.socket().onopen();
  world.socket().say({ type: "welcome" });
  return world;
}

test("it joins from the last id seen, and nothing is sent before the welcome", () => {
  const world = connected();
  world.socket().onopen();
  assert.deepEqual(world.socket().sent, [{ type: "join", since: "7-1" }]);
  assert.equal(world.connection.send({ type: "message" }), false);
  world.socket().say({ type: "welcome" });
  assert.equal(world.connection.send({ type: "message" }), true);
  assert.deepEqual(world.heard, [["welcome", true]]);
});

test("a welcome that was not asked for is told as such", () => {
  const world = joined();
  world.socket().say({ type: "welcome" });
  assert.deepEqual(world.heard.at(-1), ["welcome", false]);
});

test("it comes back after a restart, as late as the server asked", () => {
  const world = joined();
  world.socket().say({ type: "bye", reason: "restart", retry_after_ms: 3000 });
  world.socket().onclose({ code: 1012 });
  world.pass(3400);
  assert.equal(world.sockets.length, 1);
  world.pass(100);
  assert.equal(world.sockets.length, 2);
});

test("it stays away after 4001 and 1008", () => {
  for (const code of [4001, 1008]) {
    const world = joined();
    world.socket().onclose({ code });
    world.pass(60_000);
    world.connection.connect();
    assert.equal(world.sockets.length, 1);
    assert.equal(world.changes.at(-1), "ended");
  }
});

test("when no socket opens it asks why: signed out ends it, anything else waits", async () => {
  const out = connected({ probe: { signedOut: true } });
  out.socket().onclose({ code: 1006 });
  await Promise.resolve();
  assert.equal(out.changes.at(-1), "ended");
  const full = connected({ probe: { retryAfterMs: 2000 } });
  full.socket().onclose({ code: 1006 });
  await Promise.resolve();
  full.pass(2500);
  assert.equal(full.sockets.length, 2);
});

test("a pong that is ahead of what is known makes it join again, unless the message comes", () => {
  const world = joined();
  world.socket().say({ type: "pong", head: "7-2" });
  world.pass(1000);
  assert.equal(world.socket().sent.filter(({ type }) => type === "join").length, 2);
  world.socket().say({ type: "welcome" });
  world.socket().say({ type: "pong", head: "7-3" });
  world.since = "7-3";
  world.pass(1000);
  assert.equal(world.socket().sent.filter(({ type }) => type === "join").length, 2);
});

test("a pong without a head makes it try another socket", () => {
  const world = joined();
  world.socket().say({ type: "pong", head: null });
  assert.equal(world.socket().closed, true);
  world.pass(500);
  assert.equal(world.sockets.length, 2);
});

test("a link that answers no ping is given up", () => {
  const world = joined();
  world.pass(20_000);
  assert.deepEqual(world.socket().sent.at(-1), { type: "ping" });
  world.pass(10_000);
  assert.equal(world.changes.at(-1), "waiting");
});

test("a join that could not be answered is asked again on the same socket", () => {
  const world = connected();
  world.socket().onopen();
  world.socket().say({ type: "error", code: "unavailable", retry_after_ms: 700 });
  world.pass(700);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.socket().sent.length, 2);
});
