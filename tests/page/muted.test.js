import assert from "node:assert/strict";
import { test } from "node:test";

import { Muted } from "../../static/muted.js";

function storage(held = {}) {
  return { held, getItem: (key) => held[key] ?? null, setItem: (key, value) => (held[key] = value) };
}

test("who is muted stays so when the page is opened again, until they are heard again", () => {
  const kept = storage();
  const muted = new Muted({ storage: kept, key: "m" });
  let changes = 0;
  muted.changed = () => (changes += 1);
  muted.toggle("budi");
  assert.deepEqual([muted.has("budi"), muted.has("sari"), changes], [true, false, 1]);
  const again = new Muted({ storage: kept, key: "m" });
  assert.deepEqual(again.names, ["budi"]);
  again.toggle("budi");
  assert.deepEqual(new Muted({ storage: kept, key: "m" }).names, []);
});

test("what cannot be read mutes nobody, and what cannot be kept holds as long as the page", () => {
  for (const broken of ["{", "7", "{}", "null", "[7, null]"]) {
    assert.deepEqual(new Muted({ storage: storage({ m: broken }), key: "m" }).names, []);
  }
  const full = { getItem: () => null, setItem: () => { throw new Error("full"); } };
  const muted = new Muted({ storage: full, key: "m" });
  muted.toggle("budi");
  assert.equal(muted.has("budi"), true);
});

test("no more names are kept than there is room for", () => {
  const muted = new Muted({ storage: storage(), key: "m" });
  for (let n = 0; n < 250; n += 1) muted.toggle(`tamu ${n}`);
  assert.deepEqual([muted.names.length, muted.has("tamu 49"), muted.has("tamu 50")], [200, false, true]);
});
