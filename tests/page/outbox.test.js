import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../static/outbox.js";

function storage() {
  const items = new Map();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
}

function outbox(kept = storage()) {
  let n = 0;
  return new Outbox({ storage: kept, key: "o", nonce: () => `n${(n += 1)}` });
}

test("one message is on its way at a time, in the order they were said", () => {
  const box = outbox();
  box.add("a");
  box.add("b");
  assert.equal(box.next().text, "a");
  assert.equal(box.next(), undefined);
  box.acknowledge("n1");
  assert.equal(box.next().text, "b");
});

test("what was on its way when the connection broke goes again under the same nonce", () => {
  const box = outbox();
  box.add("a");
  const { nonce } = box.next();
  box.disconnected();
  assert.equal(box.next().nonce, nonce);
});

test("a reload loses nothing, and sends again with the same nonce", () => {
  const kept = storage();
  const before = outbox(kept);
  before.add("a");
  before.next();
  const after = outbox(kept);
  assert.deepEqual(after.next(), { nonce: "n1", text: "a", state: "sent" });
});

test("what is kept stays shown until it arrives or a welcome came, and is not stored", () => {
  const kept = storage();
  const box = outbox(kept);
  box.add("a");
  box.next();
  box.acknowledge("n1");
  assert.equal(box.entries.length, 1);
  assert.equal(outbox(kept).entries.length, 0);
  box.welcomed();
  assert.equal(box.entries.length, 0);
});

test("a refused message waits for the person, and goes again as a new one", () => {
  const box = outbox();
  box.add("a");
  box.next();
  box.refuse("n1", "too_long");
  assert.equal(box.next(), undefined);
  box.retry("n1");
  assert.equal(box.next().nonce, "n2");
});

test("storage that is broken or forbidden is no reason to lose what is said", () => {
  const forbidden = { getItem: () => "{", setItem: () => { throw new Error("full"); } };
  const box = outbox(forbidden);
  box.add("a");
  assert.equal(box.next().text, "a");
});
