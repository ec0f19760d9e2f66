import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../static/backoff.js";

test("the span doubles up to fifteen seconds, and starts anew after a success", () => {
  const backoff = new Backoff(() => 1);
  const waits = Array.from({ length: 8 }, () => backoff.next());
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test("what the server asked for comes first, the random part after it", () => {
  assert.equal(new Backoff(() => 0).next(3000), 3000);
  assert.equal(new Backoff(() => 0.5).next(3000), 3250);
});
