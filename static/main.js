// Entry point of the room's page: creates the parts and connects them.

import * as api from "./api.js";
import { Announcer } from "./announcer.js";
import { Hues } from "./avatar.js";
import { Composer } from "./composer.js";
import { Backoff, Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { MuteList } from "./mute_list.js";
import { Outbox } from "./outbox.js";
import { OutboxView } from "./outbox_view.js";
import { PeopleView } from "./people.js";
import { Preferences } from "./preferences.js";
import { Presence } from "./presence.js";
import { ReadMarker } from "./read_marker.js";
import { mentionsName } from "./rich_text.js";
import { ScrollPosition } from "./scroll.js";
import { StatusLine } from "./status.js";
import { SafeStorage, watchKey } from "./storage.js";
import { TabOutbox } from "./tab_outbox.js";
import { formatCount, readTexts } from "./texts.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline_view.js";
import { TimelineWindow } from "./timeline_window.js";
import { TypingNotifier, showTyping } from "./typing.js";
import { UnreadTracker } from "./unread.js";
import { fitToViewport } from "./viewport.js";

const MAX_LISTED_PEOPLE = 200;
const MAX_FETCHES = 3;
const MAX_COMPLETIONS = 20;
/** Pages of history that are loaded at most to find the first unread message. */
const MAX_UNREAD_PAGES = 20;
/** How often the day and the time zone are looked at. */
const CALENDAR_MS = 30_000;
/** Messages missed in a shorter interruption need no line above them. */
const AWAY_MS = 30_000;

const part = (id) => document.getElementById(id);
const { you, since, textChars } = document.body.dataset;
const texts = readTexts(document);
const local = new SafeStorage(() => localStorage);
const session = new SafeStorage(() => sessionStorage);
// Only frames of other sites load it.
const embedding = parent === self ? null : (await import("./embed_link.js")).open(location.search || session.read("ruang.embed"));
/** Rooms under several paths of one site share its storage. */
const place = `ruang${api.root}`;
const person = encodeURIComponent(you);
const keys = {
  draft: `${place}.draft/${person}`,
  read: `${place}.seen/${person}`,
  muted: `${place}.muted/${person}`,
  preferences: "ruang.preferences",
};

// The conversation.

const mutes = new MuteList({ storage: local, key: keys.muted });
const scroll = new ScrollPosition({ box: part("scroll"), jump: part("jump"), texts });
const hues = new Hues();
const timelineView = new TimelineView({ list: part("timeline"), scroll, you, texts, mutes, hues });
const timelineWindow = new TimelineWindow({
  getRows: () => timeline.rows,
  view: timelineView,
  isReading: () => !scroll.atEnd,
});
const timeline = new Timeline(timelineWindow);
const adopted = timelineView.adopt();
timelineWindow.adopt(adopted);

const earlier = part("earlier");
const updateEarlier = () => (earlier.hidden = !timeline.hasOlder && !timelineWindow.hasAbove);
timelineView.showOlder = updateEarlier;
timeline.adopt(adopted, since || null, earlier.dataset.more === "true");

/** Loads the messages in a gap, or (without one) before the oldest; the button shows progress and failure. */
async function loadHistory(gap, button) {
  if (button.disabled) return;
  const label = button.textContent;
  button.disabled = true;
  button.textContent = texts.loading;
  try {
    const request = timeline.historyRequest(gap);
    const page = await api.fetchMessages(request.before);
    scroll.preserve(() => {
      timeline.insertHistory(request, page);
      unread.locate(messagesOfOthers());
    });
    button.textContent = label;
  } catch {
    button.textContent = texts.load_failed;
  } finally {
    button.disabled = false;
  }
}

/** Shows older messages as the reader nears the top: from the timeline, then from the server. */
async function showOlder() {
  if (timelineWindow.hasAbove) scroll.preserve(() => timelineWindow.moveUp());
  else if (timeline.hasOlder) await loadHistory(null, earlier);
  updateEarlier();
}

timelineView.onLoad = loadHistory;
earlier.addEventListener("click", showOlder);
scroll.hasBelow = () => !timelineWindow.atEnd;
scroll.onReturn = () => timelineWindow.moveToEnd();
scroll.onScroll = ({ nearStart, nearEnd }) => {
  if (unread.away > 0) updateJumpUp();
  if (nearEnd && !timelineWindow.atEnd) scroll.preserve(() => timelineWindow.moveDown());
  else if (nearStart && earlier.textContent !== texts.load_failed) showOlder();
};

// Read and unread.

const isInFront = () => document.visibilityState === "visible" && document.hasFocus();
const readMarker = new ReadMarker({ storage: local, key: keys.read });
const title = document.title;
const unread = new UnreadTracker({
  present: isInFront(),
  onChange: () => {
    document.title = unread.count > 0 ? `(${unread.count}) ${title}` : title;
    scroll.unread = unread.count;
    embedding?.tell("unread", { count: unread.count });
    timelineView.firstUnreadId = unread.firstId;
    updateJumpUp();
  },
});

const messagesOfOthers = () =>
  timeline.rows
    .filter(({ kind }) => kind === "message")
    .map(({ message }) => message)
    .filter(({ from, removed }) => from !== you && !removed && !mutes.has(from));

/** The way up to the first unread message, where that is out of sight. */
const jumpUp = part("jump-unread");
function updateJumpUp() {
  if (unread.away === 0) return showJumpUp();
  // The page may be about to scroll to its end.
  requestAnimationFrame(() => requestAnimationFrame(showJumpUp));
}

function showJumpUp() {
  const line = timelineView.unreadLine;
  if (unread.away > 0 && line && !scroll.isAbove(line)) unread.clearAway();
  jumpUp.hidden = unread.away === 0;
  jumpUp.textContent = unread.away > 0 ? formatCount(texts, texts.unread_counted, unread.away) : "";
}

/** Loads what is missing up to the first unread message, and shows it. */
async function goToUnread() {
  for (let n = 0; n < MAX_UNREAD_PAGES && timeline.hasOlder && unread.isOlderUnread(timeline.oldestId()); n += 1) {
    await loadHistory(null, earlier);
    if (earlier.textContent === texts.load_failed) return;
  }
  const row = timeline.rowOf(unread.firstId);
  if (row) {
    timelineWindow.moveTo(row);
    scroll.scrollTo(timelineView.unreadLine);
  }
  unread.clearAway();
  part("scroll").focus({ preventScroll: true });
}
jumpUp.addEventListener("click", goToUnread);

function updatePresent() {
  unread.present = isInFront() && scroll.atEnd;
  if (unread.present) readMarker.advance(timeline.since);
}

function handleMessage(message) {
  timelineView.refreshCalendar();
  const isMuted = mutes.has(message.from);
  if (!isMuted) unread.add(message);
  if (unread.present) readMarker.advance(message.id);
  if (!isMuted && (mentionAlerts || embedding)) alertIfMentioned(message);
}

/** An answer to one's own message counts as a mention. */
async function alertIfMentioned(message) {
  if (!mentionsName(message.text, you) && !(await isAnswerToYou(message))) return;
  mentionAlerts?.add(message);
  embedding?.tell("mention", { from: message.from });
}

/** The connection was lost for a while: the messages that a welcome brings are marked as unread, also in front of the user. */
function markMissed(lastId, { messages }) {
  const ids = new Set(messages.map(({ id }) => id));
  unread.resume(messagesOfOthers().filter(({ id }) => ids.has(id)), lastId, messages.length);
}

const announcer = new Announcer({ region: part("announcer"), texts });

const lastReadId = readMarker.id;
scroll.onChange = updatePresent;

/** Loaded in all tabs once one of the boxes is ticked. */
let alerts = null;
let mentionAlerts = null;
const boxes = { notices: part("prefer-notices"), sound: part("prefer-sound"), notify: part("prefer-notify") };
const preferences = new Preferences({
  boxes,
  storage: local,
  key: keys.preferences,
  defaults: { notices: true, sound: false, notify: false },
  onChange: (name, value) => {
    if (name === "notices") scroll.preserve(() => (document.body.dataset.presenceNotices = value ? "on" : "off"));
    else if (value) startAlerts();
  },
});
// Alerts.

async function startAlerts() {
  alerts ??= Promise.all([import("./alerts.js"), import("./mention_alerts.js")]);
  const { MentionAlerts } = (await alerts)[1];
  mentionAlerts ??= new MentionAlerts({ channel: new BroadcastChannel("ruang.alerts"), isInFront, alert });
  return (await alerts)[0];
}

async function alert({ from, text }, count) {
  if (preferences.get("sound")) (await startAlerts()).playSound();
  if (preferences.get("notify")) await showNotification(from, text, count);
}

async function showNotification(from, text, count) {
  const [title, body] = count > 1 ? [formatCount(texts, texts.mentions, count), `${from}: ${text}`] : [from, text];
  const { notify } = await startAlerts();
  if (!(await notify(title, body, document.querySelector("link[rel=icon]").href))) refuseNotifications();
}

/** The box shows what the browser allows, also where that was changed later. */
function refuseNotifications() {
  preferences.set("notify", false);
  part("notify-refused").hidden = false;
}

async function checkNotifications() {
  if (!preferences.get("notify")) return;
  const { isPermitted, prepare } = await startAlerts();
  if (!isPermitted()) refuseNotifications();
  else await prepare();
}

boxes.notify.addEventListener("change", async () => {
  part("notify-refused").hidden = true;
  if (!boxes.notify.checked) return;
  // Asked for at once: browsers require the gesture of the user.
  if ((await globalThis.Notification?.requestPermission()) === "granted") await (await startAlerts()).prepare();
  else refuseNotifications();
});
checkNotifications();

// Writing.

const tabOutbox = new TabOutbox({
  // Over http there are no Web Locks.
  locks: navigator.locks ?? new (await import("./channel_locks.js")).ChannelLocks(),
  storage: local,
  session,
  prefix: `${place}.outbox/${person}/`,
});
const outbox = new Outbox({ storage: local, key: await tabOutbox.acquire() });
for (const { message } of timeline.rows) if (message.from === you) outbox.remove(message.nonce);
const outboxView = new OutboxView({ list: part("outbox"), you, texts, scroll });
const composer = new Composer({ document, texts, storage: session, key: keys.draft, maxLength: Number(textChars) });

/** What the storage did not take is lost with the page: the browser asks before it closes. */
addEventListener("beforeunload", (event) => {
  const isDraftAtRisk = !session.isDurable && composer.draft.trim() !== "";
  const isOutboxAtRisk = !local.isDurable && outbox.entries.length > 0;
  if (isDraftAtRisk || isOutboxAtRisk) event.preventDefault();
});

// Replies, edits and deletions.

/** How long after its time a message may be edited; undefined where the server knows neither that nor answers. */
let editMs;
/** Messages whose deletion can still be taken back: the server does not know of it. */
const leaving = new Set();
let answering = null;
let quotes = null;

async function loadAnswering() {
  answering ??= new (await import("./answering.js")).Answering({ document, composer, texts });
  return answering;
}

function showOutbox() {
  const { entries } = outbox;
  const removals = Array.from(leaving, (target) => ({ kind: "delete", target }));
  outboxView.show(entries.filter(({ kind, state }) => !kind || (kind === "edit" && state === "refused")));
  timelineView.showChanges([...entries.filter(({ state }) => state !== "refused"), ...removals]);
}

function loadQuotes() {
  const place = { document, timeline, timelineWindow, timelineView, scroll, updateEarlier };
  quotes ??= import("./quotes.js").then(({ Quotes }) => new Quotes({ you, texts, fetchAround: api.fetchAround, ...place }));
  return quotes;
}

async function fillQuote(quote) {
  (await loadQuotes()).fill(quote);
}
timelineView.onQuote = fillQuote;
outboxView.onQuote = fillQuote;
for (const quote of part("timeline").querySelectorAll(".quote")) fillQuote(quote);

async function updateQuotes(id) {
  const changed = part("scroll").querySelectorAll(`.quote[data-id="${CSS.escape(id)}"]`);
  if (quotes) (await quotes).update(id, changed);
}

async function isAnswerToYou({ reply_to: id }) {
  try {
    return id !== undefined && (await (await loadQuotes()).load(id))?.from === you;
  } catch {
    return false;
  }
}

part("scroll").addEventListener("click", async ({ target }) => {
  const quote = target.closest(".quote");
  if (quote) (await loadQuotes()).jump(quote.dataset.id);
});

/** After a long absence the server reports no changes of the messages up to one: they are read again. */
async function refreshMessages(id) {
  (await import("./refresh.js")).refreshMessages({ id, timeline, fetchMessages: api.fetchMessages });
}

// The connection.

const presence = new Presence();
const openCrowd = async () => new (await import("./crowd.js")).Crowd({ fetchMembers: api.fetchMembers });
const people = new PeopleView({ document, you, texts, mutes, hues, openCrowd });
timelineView.onHue = (name) => people.recolour(name);
/** Loaded when one is opened. */
let panels = null;
const loadPanels = () => (panels ??= import("./panels.js").then(({ addPanels }) => addPanels(document)));
part("people-toggle").addEventListener("click", async () => (await loadPanels()).toggleSheet());
part("preferences").addEventListener("toggle", loadPanels, { once: true });
const status = new StatusLine({ document, texts });
/** Loaded when the operator has set something. */
let rules = null;
async function showRules(set) {
  if (!rules && !set.slow_ms && !set.notice) return;
  const onFold = (change) => scroll.preserve(change);
  rules ??= import("./rules.js").then(({ RulesView }) => Object.assign(new RulesView({ document, texts }), { onFold }));
  const view = await rules;
  scroll.preserve(() => view.show(set));
}
part("begin").addEventListener("click", () => composer.focus());
mutes.onChange = () => {
  timelineView.refresh();
  people.refresh();
};
watchKey(keys.muted, () => mutes.reload());
watchKey(keys.preferences, () => preferences.reload());
composer.getNames = (prefix) => {
  const names = presence.sortedNames(you, texts.lang);
  if (names) return names.filter((name) => name !== you);
  // After a completed name, Tab leaves the box.
  return prefix.endsWith(" ") ? [] : searchNames(prefix);
};

/** In a crowd only the server knows all names. */
async function searchNames(search) {
  try {
    return (await api.fetchMembers({ search, limit: MAX_COMPLETIONS })).members.filter((name) => name !== you);
  } catch {
    return [];
  }
}

let welcomes = 0;
/** When the last frame came before the connection was lost. */
let lostAt = Infinity;
const connection = new Connection({
  openSocket: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${api.root}/ws`, "ruang.v1"),
  probe: api.probe,
  explain: api.explain,
  isHidden: () => document.hidden,
  getSince: () => timeline.since,
  onFrame: (frame, request) => {
    if (frame.type !== "welcome") return conversation.handleFrame(frame);
    const lastId = timeline.since;
    people.bots = frame.bots ?? [];
    scroll.preserve(() => conversation.handleFrame(frame, request));
    if (request && Date.now() - lostAt > AWAY_MS) markMissed(lastId, frame);
    if (request?.since && !frame.recovered) refreshMessages(request.since);
    lostAt = Infinity;
    afterWelcome(frame);
  },
  onState: (change) => {
    if (change.state === "waiting" || change.state === "ended") {
      conversation.handleDisconnect();
      lostAt = Math.min(lostAt, connection.heardAt);
    }
    status.show(change);
    // The form says why; drafts and unsent messages stay in the storage for the same name.
    if (change.state === "ended") location.replace(api.root + (embedding?.signInPath() ?? `/?why=${change.why}`));
  },
  backoff: new Backoff(),
});
const send = (frame) => connection.send(frame);

async function afterWelcome({ limits }) {
  composer.maxLength = limits.text_chars;
  editMs = limits.edit_ms;
  updatePresent();
  const own = timeline.rows.findLast(({ message }) => message?.from === you && message.at)?.message;
  if (own) rules?.then((view) => view.countFromMessage(Date.now() - own.at));
  await tabOutbox.adoptAbandoned((entries) => outbox.adopt(entries));
  conversation.flush();
  welcomes += 1;
  if (welcomes > 1 && (await isOutdated())) offerNewVersion();
}

async function isOutdated() {
  try {
    return await (await import("./version.js")).isOutdated();
  } catch {
    return false;
  }
}

/** Reloads only for a developer (`make page`); everybody else decides when to reload. */
function offerNewVersion() {
  if (location.hash === "#live") location.reload();
  else status.showOutdated();
}

const conversation = new Conversation({
  you,
  timeline,
  presence,
  outbox,
  send,
  view: {
    announce: (message) => !mutes.has(message.from) && announcer.add(message),
    onMessage: handleMessage,
    showPeople,
    showRules,
    onSent: () => rules?.then((view) => view.countFromMessage()),
    onPause: (ms) => rules?.then((view) => view.countPause(ms)),
    showOutbox,
    onChange: updateQuotes,
    onRefusedDeletion: async () => (await loadActions())?.showRefusedDeletion(actions),
    showTyping: (names, count) => {
      const audible = names.filter((name) => !mutes.has(name));
      showTyping(part("typing"), texts, audible, count - (names.length - audible.length));
    },
  },
});

/** Fetches the names when frames no longer bring them all and the room is small enough to list. */
let isFetching = false;
async function showPeople() {
  people.show(presence);
  if (isFetching) return;
  isFetching = true;
  try {
    for (let n = 0; n < MAX_FETCHES && !presence.names && presence.count <= MAX_LISTED_PEOPLE; n += 1) {
      await presence.refresh(() => api.fetchMembers({ limit: MAX_LISTED_PEOPLE }));
    }
  } catch {
    // The next change fetches again.
  } finally {
    isFetching = false;
    people.show(presence);
  }
}

const typing = new TypingNotifier({ send });
composer.onResize = () => scroll.repin();
composer.onTyping = () => typing.start();
composer.onStop = () => typing.stop();
composer.onSend = (text) => {
  const use = answering?.take();
  unread.clearMark();
  if (use?.target) return text !== use.before && conversation.edit(use.target, text);
  scroll.scrollToEnd();
  conversation.send(text, use ?? {});
};
composer.onUp = () => {
  const own = timeline.rows.findLast(({ message }) => message?.from === you && !message.removed);
  if (own && actions.can.edit(own.message)) actions.edit(own.message);
};
outboxView.onRetry = (nonce) => {
  conversation.retry(nonce);
  composer.focus();
};
outboxView.onDiscard = (nonce) => {
  conversation.discard(nonce);
  composer.focus();
};

// The menus of messages.

const actions = {
  document,
  you,
  mayModerate: document.body.dataset.moderates === "true",
  mayReport: document.body.dataset.moderates !== "",
  texts,
  mutes,
  mention: (name) => {
    // The sheet of people covers the box.
    if (document.body.classList.contains("people-shown")) part("people-close").click();
    composer.insert(`@${name} `);
  },
  can: {
    reply: () => editMs !== undefined,
    edit: ({ from, at }) => from === you && Date.now() - at < (editMs ?? 0),
    remove: ({ from }) => from === you && editMs !== undefined,
  },
  reply: async (message) => (await loadAnswering()).reply(message),
  edit: async (message) => (await loadAnswering()).edit(message),
  hide: (id) => {
    leaving.add(id);
    showOutbox();
  },
  unhide: (id) => {
    leaving.delete(id);
    showOutbox();
  },
  commitRemoval: (id) => {
    leaving.delete(id);
    conversation.delete(id);
  },
  // The focused element may be hidden now.
  rest: () => document.activeElement?.offsetParent || part("scroll").focus({ preventScroll: true }),
};

if (actions.mayModerate) import("./report_count.js").then(({ addReportCount }) => addReportCount(actions), () => {});

/** Null without a connection; the next try loads it again. */
const loadActions = () => import("./actions.js").catch(() => null);

async function openMessageMenu(element, at) {
  const message = timelineView.messageOf(element);
  if (message && !message.removed) (await loadActions())?.showMessageMenu(message, at, actions);
}

async function openPersonMenu({ dataset: { name } }, at) {
  if (name !== you) (await loadActions())?.showPersonMenu(name, at, actions);
}

part("timeline").addEventListener("click", ({ target }) => {
  const at = target.closest(".more");
  if (at) openMessageMenu(at.closest("li"), at);
});
part("members").addEventListener("click", ({ target }) => {
  const row = target.closest("li");
  if (row) openPersonMenu(row, row);
});

/**
 * What a reader may want next is loaded at the first sign of one: the other ways to a menu, copying, and what must work
 * without a connection.
 */
let isWarm = false;
let press = null;
async function warmUp(event) {
  if (event.type === "pointerdown") press = event;
  if (isWarm) return;
  isWarm = true;
  try {
    const [menus, { copyAsText }] = await Promise.all([import("./row_menu.js"), import("./copying.js"), loadActions(), loadAnswering()]);
    copyAsText(part("timeline"), document);
    menus.addLongPress(part("timeline"), openMessageMenu, press);
    menus.addMessageKeys(part("scroll"), { open: openMessageMenu, leave: () => composer.focus() });
  } catch {
    isWarm = false;
  }
}
for (const event of ["pointerover", "pointerdown", "keydown", "focusin"]) addEventListener(event, warmUp, { passive: true });
for (const event of ["pointerup", "pointercancel"]) addEventListener(event, () => (press = null));

// Events of the browser.

const checkConnection = () => connection.check();
status.onRetry = () => connection.connect();
for (const event of ["online", "offline", "pageshow", "focus"]) addEventListener(event, checkConnection);
document.addEventListener("resume", checkConnection);
for (const event of ["pointerdown", "keydown", "input"]) addEventListener(event, () => connection.nudge(), { passive: true });
function handleFront() {
  updatePresent();
  if (!isInFront()) return;
  mentionAlerts?.clear();
  checkNotifications();
}
for (const event of ["focus", "blur"]) addEventListener(event, handleFront);
document.addEventListener("visibilitychange", () => {
  connection.attend();
  handleFront();
  if (document.visibilityState !== "visible") return;
  timelineView.refreshCalendar();
  checkConnection();
});
part("sign-out").addEventListener("submit", () => {
  tabOutbox.clear();
  session.remove(keys.draft);
});

fitToViewport({ viewport: globalThis.visualViewport, element: document.body, onChange: () => scroll.repin() });
showOutbox();
scroll.scrollToEnd();
unread.resume(messagesOfOthers(), lastReadId, timeline.rows.length);
setInterval(() => timelineView.refreshCalendar(), CALENDAR_MS);
connection.connect();
document.documentElement.dataset.ready = "";
