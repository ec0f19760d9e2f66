import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { explain, fetchMembers } from "../../static/api.js";

/** Replies to each request with the next of these: a status, seconds for Retry-After, and a body. */
function answer(...answers) {
  mock.method(globalThis, "fetch", async () => {
    const { status, wait, body = {} } = answers.shift();
    const headers = { "content-type": "application/json", ...(wait ? { "retry-after": String(wait) } : {}) };
    return new Response(JSON.stringify(body), { status, headers });
  });
}

/** Lets all promises settle that wait for no timer. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("read_that_comes_too_often_is_repeated_when_the_server_says", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.restoreAll());
  answer({ status: 429, wait: 3 }, { status: 200, body: { count: 7 } });
  const members = fetchMembers();
  await settle();
  t.mock.timers.tick(2999);
  await settle();
  assert.equal(fetch.mock.callCount(), 1);
  t.mock.timers.tick(1);
  assert.deepEqual(await members, { count: 7 });
});

test("read_fails_after_some_repeats_and_at_once_on_an_error", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.restoreAll());
  answer({ status: 503 }, ...Array(4).fill({ status: 429, wait: 3600 }));
  await assert.rejects(fetchMembers(), /503/);
  const failed = assert.rejects(fetchMembers(), /429/);
  for (let n = 0; n < 3; n += 1) {
    await settle();
    t.mock.timers.tick(10_000);
  }
  await failed;
});

test("refused_read_does_not_explain_a_refused_socket", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.restoreAll());
  answer({ status: 429, wait: 2 });
  assert.deepEqual(await explain(), { retryAfterMs: 2000 });
});
