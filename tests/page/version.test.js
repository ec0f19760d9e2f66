import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { isOutdated } from "../../static/version.js";

/** Asks a real server that answers with this status and caching. */
async function asked(status, caching) {
  const server = createServer((_, answer) => answer.writeHead(status, { "cache-control": caching }).end());
  await new Promise((open) => server.listen(0, "127.0.0.1", open));
  try {
    return await isOutdated(`http://127.0.0.1:${server.address().port}/static/x/version.js`);
  } finally {
    server.close();
  }
}

test("a page is outdated when its own address is no longer kept by caches", async () => {
  assert.equal(await asked(200, "no-store"), true);
  assert.equal(await asked(200, "public, max-age=31536000, immutable"), false);
});

test("a server that errs or is not there says nothing about versions", async () => {
  assert.equal(await asked(503, "no-store"), false);
  assert.equal(await isOutdated("http://127.0.0.1:1/"), false);
});
