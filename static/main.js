// The room's page: finds the parts and joins them. Each part is a file of its own.

import { Backoff } from "./backoff.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import * as history from "./history.js";
import { Outbox } from "./outbox.js";
import { OutboxView } from "./outbox_view.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { Scroll } from "./scroll.js";
import { Status } from "./status.js";
import * as reading from "./texts.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline_view.js";
import { TypingTeller, showTyping } from "./typing.js";

const part = (id) => document.getElementById(id);
const { you, since, textChars } = document.body.dataset;
const texts = reading.read(document);
const storage = sessionStorage;
const keys = { outbox: `ruang.outbox.${you}`, draft: `ruang.draft.${you}` };

const scroll = new Scroll({ box: part("scroll"), jump: part("jump"), texts });
const timelineView = new TimelineView({ list: part("timeline"), scroll, you, texts });
const timeline = new Timeline(timelineView);
timeline.adopt(timelineView.adopt(), since || null);

const outbox = new Outbox({ storage, key: keys.outbox });
for (const { message } of timeline.rows) if (message.from === you) outbox.drop(message.nonce);
const outboxView = new OutboxView({ list: part("outbox"), texts, scroll });

const presence = new Presence();
const people = new People({ document, you, texts });
const status = new Status({ document, texts });
const composer = new Composer({ document, texts, storage, key: keys.draft, most: Number(textChars) });

const connection = new Connection({
  open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, "ruang.v1"),
  probe: history.probe,
  since: () => timeline.since,
  heard: (frame, asked) => {
    conversation.heard(frame, asked);
    if (frame.type === "welcome") composer.most = frame.limits.text_chars;
  },
  changed: (change) => {
    if (change.state === "waiting" || change.state === "ended") conversation.disconnected();
    status.show(change);
    if (change.signedOut) location.replace("/");
  },
  backoff: new Backoff(),
});
const send = (frame) => connection.send(frame);

const conversation = new Conversation({
  you,
  timeline,
  presence,
  outbox,
  send,
  view: {
    people: showPeople,
    outbox: () => outboxView.show(outbox.entries),
    typing: (names, count) => showTyping(part("typing"), texts, names, count),
  },
});

const typing = new TypingTeller({ send });
composer.typed = () => typing.typed();
composer.stopped = () => typing.stopped();
composer.say = (text) => {
  scroll.toEnd();
  conversation.say(text);
};
outboxView.again = (nonce) => {
  conversation.sayAgain(nonce);
  composer.focus();
};
outboxView.discard = (nonce) => {
  conversation.discard(nonce);
  composer.focus();
};

/** Names that presence frames no longer gave are asked for, once there are few enough of them. */
let asking = false;
async function showPeople() {
  people.show(presence);
  if (presence.names || presence.count > 200 || asking) return;
  asking = true;
  try {
    const { members, count, more } = await history.members();
    if (!more) presence.welcome({ names: members, count });
  } catch {
    // The next change asks again.
  } finally {
    asking = false;
    people.show(presence);
  }
}

/** Loads what a gap (or, without one, the beginning) hides; `button` says how that goes. */
async function load(gap, button) {
  const label = button.textContent;
  button.disabled = true;
  button.textContent = texts.loading;
  try {
    const { messages, more } = await history.before(gap ? gap.before : timeline.oldest());
    timeline.fill(messages, more, gap);
    button.textContent = label;
    return more;
  } catch {
    button.textContent = texts.load_failed;
    return true;
  } finally {
    button.disabled = false;
  }
}

timelineView.load = load;
const earlier = part("earlier");
earlier.hidden = earlier.dataset.more !== "true";
earlier.addEventListener("click", async () => {
  earlier.hidden = !(await load(null, earlier));
});

const retry = () => connection.connect();
status.retry = retry;
addEventListener("online", retry);
addEventListener("pageshow", retry);
part("sign-out").addEventListener("submit", () => Object.values(keys).forEach((key) => storage.removeItem(key)));

outboxView.show(outbox.entries);
scroll.toEnd();
connection.connect();
