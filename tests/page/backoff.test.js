import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../static/connection.js";

test("delay_doubles_up_to_fifteen_seconds_until_reset", () => {
  const backoff = new Backoff(() => 1);
  const delays = Array.from({ length: 8 }, () => backoff.next());
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test("delay_asked_for_by_the_server_precedes_the_random_one", () => {
  assert.equal(new Backoff(() => 0).next(3000), 3000);
  assert.equal(new Backoff(() => 0.5).next(3000), 3250);
});
