import assert from "node:assert/strict";
import { test } from "node:test";

import { MentionAlerts } from "../../static/mention_alerts.js";

const mention = (n) => ({ id: `7-${n}`, from: "budi", text: `${n}` });

/** Tabs of one browser with a common clock. */
function browser() {
  const world = { now: 0, timers: [], tabs: [], alerts: [] };
  const clock = { now: () => world.now, set: (action, ms) => world.timers.push({ action, at: world.now + ms }) };
  world.open = () => {
    const tab = { isInFront: false, channel: {} };
    tab.channel.postMessage = (data) => {
      for (const other of world.tabs) if (other !== tab) other.channel.onmessage({ data });
    };
    const id = world.tabs.length;
    const alert = ({ text }, count) => world.alerts.push([id, text, count]);
    tab.mentions = new MentionAlerts({ channel: tab.channel, isInFront: () => tab.isInFront, alert, clock, id });
    world.tabs.push(tab);
    return tab;
  };
  world.pass = (ms) => {
    const until = world.now + ms;
    for (;;) {
      const [next] = world.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      world.timers.splice(world.timers.indexOf(next), 1);
      world.now = Math.max(world.now, next.at);
      next.action();
    }
    world.now = until;
  };
  return world;
}

test("one_of_three_tabs_alerts_once_for_a_batch", () => {
  const world = browser();
  const tabs = [world.open(), world.open(), world.open()];
  for (let n = 1; n <= 300; n += 1) for (const tab of tabs) tab.mentions.add(mention(n));
  world.pass(60_000);
  assert.deepEqual(world.alerts, [[0, "300", 300]]);
});

test("tab_that_hears_later_adds_nothing", () => {
  const world = browser();
  const [first, second] = [world.open(), world.open()];
  second.mentions.add(mention(1));
  world.pass(1000);
  first.mentions.add(mention(1));
  world.pass(60_000);
  assert.deepEqual(world.alerts, [[1, "1", 1]]);
});

test("clock_set_back_delays_no_alert", () => {
  const world = browser();
  const tab = world.open();
  tab.mentions.add(mention(1));
  world.pass(1_000);
  world.now -= 3_600_000;
  tab.mentions.add(mention(2));
  world.pass(10_000);
  assert.deepEqual(world.alerts.map(([, text]) => text), ["1", "2"]);
});

test("no_tab_alerts_while_one_is_in_front", () => {
  const world = browser();
  const [first, , front] = [world.open(), world.open(), world.open()];
  front.isInFront = true;
  for (const tab of world.tabs) tab.mentions.add(mention(1));
  world.pass(60_000);
  assert.deepEqual(world.alerts, []);
  front.isInFront = false;
  for (const tab of world.tabs) tab.mentions.add(mention(2));
  world.pass(1000);
  assert.deepEqual(world.alerts, [[0, "2", 1]]);
  assert.ok(first);
});

test("later_mentions_wait_and_count_on_until_the_user_returns", () => {
  const world = browser();
  const tabs = [world.open(), world.open()];
  const all = (n) => tabs.forEach((tab) => tab.mentions.add(mention(n)));
  all(1);
  world.pass(1000);
  all(2);
  all(3);
  world.pass(3000);
  assert.equal(world.alerts.length, 1);
  world.pass(3000);
  assert.deepEqual(world.alerts, [[0, "1", 1], [0, "3", 3]]);
  tabs[1].isInFront = true;
  tabs[1].mentions.clear();
  tabs[1].isInFront = false;
  world.pass(10_000);
  all(4);
  world.pass(1000);
  assert.deepEqual(world.alerts.at(-1), [0, "4", 1]);
});

test("tab_that_closes_before_its_alert_is_replaced", () => {
  const world = browser();
  const [first, second] = [world.open(), world.open()];
  for (const tab of [first, second]) tab.mentions.add(mention(1));
  world.timers.splice(0, 1);
  first.channel.postMessage = first.channel.onmessage = () => {};
  world.pass(10_000);
  assert.deepEqual(world.alerts, [[1, "1", 1]]);
});
