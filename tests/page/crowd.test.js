import assert from "node:assert/strict";
import { test } from "node:test";

import { Crowd } from "../../static/crowd.js";

/** A crowd of a server that answers when it is told to. */
function crowd() {
  const requests = [];
  const fetchMembers = (query) => new Promise((resolve, reject) => requests.push({ query, resolve, reject }));
  return { crowd: new Crowd({ fetchMembers, now: () => 7 }), requests };
}

test("pages_are_joined_and_name_nobody_twice", async () => {
  const { crowd: people, requests } = crowd();
  const loading = people.load("");
  requests[0].resolve({ members: ["adi", "budi"], more: true });
  await loading;
  const more = people.loadMore();
  people.loadMore();
  assert.equal(requests.length, 2, "one page at a time");
  assert.deepEqual(requests[1].query, { search: "", after: "budi" });
  requests[1].resolve({ members: ["budi", "citra"], more: false });
  await more;
  assert.deepEqual([people.names, people.hasMore, people.loadedAt], [["adi", "budi", "citra"], false, 7]);
});

test("page_of_a_former_search_is_dropped", async () => {
  const { crowd: people, requests } = crowd();
  const former = people.load("a");
  const current = people.load("b");
  requests[1].resolve({ members: ["budi"], more: false });
  await current;
  requests[0].resolve({ members: ["adi"], more: true });
  await former;
  assert.deepEqual([people.names, people.hasMore], [["budi"], false]);
});

test("failure_keeps_the_names_and_can_be_repeated", async () => {
  const { crowd: people, requests } = crowd();
  const loading = people.load("");
  requests[0].resolve({ members: ["adi"], more: true });
  await loading;
  const failing = people.loadMore();
  requests[1].reject(new Error("status 503"));
  await failing;
  assert.deepEqual([people.names, people.hasFailed], [["adi"], true]);
  const again = people.loadMore();
  requests[2].resolve({ members: ["budi"], more: false });
  await again;
  assert.deepEqual([people.names, people.hasFailed], [["adi", "budi"], false]);
});
