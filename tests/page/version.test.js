import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { isOutdated } from "../../static/version.js";

/** Asks a real server that answers with this status and caching. */
async function ask(status, caching) {
  const server = createServer((_, response) => response.writeHead(status, { "cache-control": caching }).end());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await isOutdated(`http://127.0.0.1:${server.address().port}/static/x/version.js`);
  } finally {
    server.close();
  }
}

test("page_whose_address_is_not_cached_is_outdated", async () => {
  assert.equal(await ask(200, "no-store"), true);
  assert.equal(await ask(200, "public, max-age=31536000, immutable"), false);
});

test("page_is_not_outdated_when_the_server_fails", async () => {
  assert.equal(await ask(503, "no-store"), false);
  assert.equal(await isOutdated("http://127.0.0.1:1/"), false);
});
