import assert from "node:assert/strict";
import { test } from "node:test";

import { Berth } from "../../static/berth.js";

/** Locks as browsers have them, as far as they are needed: one holder a name. */
class Locks {
  held = new Set();

  async request(name, { ifAvailable, signal }, callback) {
    if (this.held.has(name)) {
      if (ifAvailable) return callback(null);
      if (signal) throw new DOMException("", "TimeoutError");
    }
    this.held.add(name);
    try {
      return await callback({ name });
    } finally {
      this.held.delete(name);
    }
  }
}

/** Storage whose keys are its own, as with localStorage. */
function storage(items = {}) {
  const hidden = { enumerable: false };
  return Object.defineProperties({ ...items }, {
    getItem: { value(key) { return Object.hasOwn(this, key) ? this[key] : null; }, ...hidden },
    setItem: { value(key, value) { this[key] = String(value); }, ...hidden },
    removeItem: { value(key) { delete this[key]; }, ...hidden },
  });
}

const berth = (use) => new Berth({ locks: new Locks(), storage: storage(), session: storage(), prefix: "o/sari/", id: () => "new", ...use });

test("a reload comes back to the same outbox", async () => {
  const session = storage();
  const first = await berth({ session, id: () => "a" }).own();
  assert.equal(await berth({ session, id: () => "b" }).own(), first);
});

test("a copy of a tab gets an outbox of its own while the first tab lives", async () => {
  const [locks, session] = [new Locks(), storage()];
  const first = await berth({ locks, session, id: () => "a" }).own();
  const copy = await berth({ locks, session: storage({ ...session }), id: () => "b" }).own();
  assert.notEqual(copy, first);
});

test("what a closed tab left is taken over once, what a living one has is not", async () => {
  const [locks, kept] = [new Locks(), storage({ "o/sari/gone": "1", "o/sari/alive": "2", "o/budi/gone": "3" })];
  await berth({ locks, storage: kept, session: storage({ "o/sari/tab": "alive" }) }).own();
  const taken = [];
  const mine = berth({ locks, storage: kept });
  await mine.orphans((key) => taken.push(key));
  await mine.orphans((key) => taken.push(key));
  assert.deepEqual(taken, ["o/sari/gone"]);
});

test("signing out leaves nothing of the person behind, and all of others", () => {
  const kept = storage({ "o/sari/a": "1", "o/sari/b": "2", "o/budi/a": "3" });
  berth({ storage: kept }).clear();
  assert.deepEqual(Object.keys(kept), ["o/budi/a"]);
});

test("without locks, on plain http, a tab still has its outbox", async () => {
  const session = storage();
  const first = await berth({ locks: undefined, session }).own();
  assert.equal(await berth({ locks: undefined, session, id: () => "other" }).own(), first);
});
