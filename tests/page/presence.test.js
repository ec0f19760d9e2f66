import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence } from "../../static/presence.js";

function room(...names) {
  const presence = new Presence();
  presence.welcome({ count: names.length, names });
  return presence;
}

test("who came and who went is told once, however often it is heard", () => {
  const presence = room("sari");
  assert.deepEqual(presence.change({ joined: ["adi"], left: [], count: 2 }), { joined: ["adi"], left: [] });
  assert.deepEqual(presence.change({ joined: ["adi"], left: [], count: 2 }), { joined: [], left: [] });
  assert.deepEqual(presence.change({ joined: [], left: ["adi", "dewi"], count: 1 }), { joined: [], left: ["adi"] });
});

test("oneself stands first, the others in the order of the language", () => {
  assert.deepEqual(room("Zed", "adi", "Budi", "sari").sorted("sari", "id"), ["sari", "adi", "Budi", "Zed"]);
});

test("in a room too full to name everybody only the count is known", () => {
  const presence = new Presence();
  presence.welcome({ count: 500, names: null });
  presence.change({ count: 1200 });
  assert.equal(presence.count, 1200);
  assert.equal(presence.sorted("sari", "id"), null);
});

test("names that can no longer be complete are not shown as if they were", () => {
  const presence = room("sari");
  presence.change({ joined: ["adi"], left: [], count: 210 });
  assert.equal(presence.names, null);
});
