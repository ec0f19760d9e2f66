// Entry point of the room's page: creates the parts and connects them.

import * as api from "./api.js";
import { Hues } from "./avatar.js";
import { serverNow, syncServerClock } from "./clock.js";
import { Composer } from "./composer.js";
import { Backoff, Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Members } from "./members.js";
import { MenuLoader } from "./menu_loader.js";
import { MuteList } from "./mute_list.js";
import { Outbox } from "./outbox.js";
import { OutboxView } from "./outbox_view.js";
import { PreferenceBoxes } from "./preferences.js";
import { Quoting } from "./quoting.js";
import { Reader, isInFront } from "./reader.js";
import { mentionsName } from "./rich_text.js";
import { ScrollPosition } from "./scroll.js";
import { StatusLine } from "./status.js";
import { SafeStorage, watchKey } from "./storage.js";
import { TabOutbox } from "./tab_outbox.js";
import { readTexts } from "./texts.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline_view.js";
import { TimelineWindow } from "./timeline_window.js";

/** How often the day and the time zone are looked at. */
const CALENDAR_MS = 30_000;

const part = (id) => document.getElementById(id);
const { you, since, now, textChars, moderates } = document.body.dataset;
const texts = readTexts(document);
syncServerClock(Number(now));
const local = new SafeStorage(() => localStorage);
const session = new SafeStorage(() => sessionStorage);
// Only frames of other sites load it.
const embedding = parent === self ? null : (await import("./embed_link.js")).open(location.search || session.read("ruang.embed"));
/** Rooms under several paths of one site share its storage. */
const place = `ruang${api.root}`;
const person = encodeURIComponent(you);
const keys = {
  draft: `${place}.draft/${person}`,
  edit: `${place}.draft/${person}/edit`,
  answering: `${place}.draft/${person}/for`,
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
const reader = new Reader({
  storage: local,
  key: keys.read,
  you,
  texts,
  mutes,
  scroll,
  timeline,
  timelineView,
  timelineWindow,
  onCount: (count) => embedding?.tell("unread", { count }),
});
timeline.adopt(adopted, since || null, reader.hasEarlier);
/** Loaded with the first new message. */
let announcer = null;

async function announce(message) {
  if (mutes.has(message.from)) return;
  announcer ??= import("./announcer.js").then(({ Announcer }) => new Announcer({ region: part("announcer"), texts }));
  (await announcer).add(message);
}

function handleMessage(message) {
  timelineView.refreshCalendar();
  reader.receive(message);
  if (!mutes.has(message.from) && (preferences.isAlerting || embedding)) alertIfMentioned(message);
}

const preferences = new PreferenceBoxes({
  storage: local,
  key: keys.preferences,
  texts,
  isInFront,
  onNotices: (isShown) => scroll.preserve(() => (document.body.dataset.presenceNotices = isShown ? "on" : "off")),
});

/** An answer to one's own message counts as a mention. */
async function alertIfMentioned(message) {
  if (!mentionsName(message.text, you) && !(await quoting.isAnswerToYou(message))) return;
  preferences.alert(message);
  embedding?.tell("mention", { from: message.from });
}

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
const composer = new Composer({ document, texts, storage: session, keys, maxLength: Number(textChars) });

/** What the storage did not take is lost with the page: the browser asks before it closes. */
addEventListener("beforeunload", (event) => {
  const isDraftAtRisk = !session.isDurable && composer.hasText;
  const isOutboxAtRisk = !local.isDurable && outbox.entries.length > 0;
  if (isDraftAtRisk || isOutboxAtRisk) event.preventDefault();
});

// Replies, edits and deletions.

/** How long after its time a message may be edited; undefined where the server knows neither that nor answers. */
let editMs;
/** Messages whose deletion can still be taken back: the server does not know of it. */
const leaving = new Set();
let answering = null;

async function loadAnswering() {
  const { Answering } = await import("./answering.js");
  return (answering ??= new Answering({ document, composer, texts, storage: session, key: keys.answering }));
}

function showOutbox() {
  const { entries } = outbox;
  const removals = Array.from(leaving, (target) => ({ kind: "delete", target }));
  outboxView.show(entries.filter(({ kind, state }) => !kind || (kind === "edit" && state === "refused")));
  timelineView.showChanges([...entries.filter(({ state }) => state !== "refused"), ...removals]);
}

const updateEarlier = () => reader.updateEarlier();
const quoting = new Quoting({ box: part("scroll"), you, texts, timeline, timelineWindow, timelineView, scroll, updateEarlier });
for (const view of [timelineView, outboxView]) view.onQuote = (quote) => quoting.fill(quote);

/** After a long absence the server reports no changes of the messages up to one: they are read again. */
async function refreshMessages(id) {
  (await import("./refresh.js")).refreshMessages({ id, timeline, fetchMessages: api.fetchMessages });
}

// The connection.

const members = new Members({ document, you, texts, mutes, hues });
timelineView.onHue = (name) => members.recolour(name);
let panels = null;
const loadPanels = () => (panels ??= import("./panels.js").then(({ addPanels }) => addPanels(document)));
part("people-toggle").addEventListener("click", async () => (await loadPanels()).toggleSheet());
part("preferences").addEventListener("toggle", loadPanels, { once: true });
const status = new StatusLine({ document, texts });
/** Loaded when the operator has set something. */
let rules = null;
async function showRules(set) {
  if (!rules && !set.slow_ms && !set.notice && !set.read_only) return;
  const onFold = (change) => scroll.preserve(change);
  rules ??= import("./rules.js").then(({ RulesView }) => Object.assign(new RulesView({ document, texts }), { onFold }));
  const view = await rules;
  scroll.preserve(() => view.show(set));
}
part("begin").addEventListener("click", () => composer.focus());
mutes.onChange = () => {
  timelineView.refresh();
  members.refresh();
};
watchKey(keys.muted, () => mutes.reload());
composer.getNames = (prefix) => members.namesFor(prefix);

let welcomes = 0;
const connection = new Connection({
  openSocket: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${api.root}/ws`, "ruang.v1"),
  probe: api.probe,
  explain: api.explain,
  isHidden: () => document.hidden,
  getSince: () => timeline.since,
  getChanges: () => timeline.changes,
  onFrame: (frame, request) => {
    if (frame.type !== "welcome") return conversation.handleFrame(frame);
    const lastId = timeline.since;
    members.bots = frame.bots ?? [];
    scroll.preserve(() => conversation.handleFrame(frame, request));
    reader.handleReturn(request && frame, lastId);
    if (request?.since && !frame.recovered) refreshMessages(request.since);
    afterWelcome(frame);
  },
  onState: (change) => {
    if (change.state === "waiting" || change.state === "ended") {
      conversation.handleDisconnect();
      reader.handleLoss(connection.heardAt);
    }
    status.show(change);
    // The form says why; drafts and unsent messages stay in the storage for the same name.
    if (change.state === "ended") location.replace(api.root + (embedding?.signInPath() ?? `/?why=${change.why}`));
  },
  backoff: new Backoff(),
});

async function afterWelcome({ limits }) {
  composer.maxLength = limits.text_chars;
  editMs = limits.edit_ms;
  reader.updatePresent();
  const own = timeline.rows.findLast(({ message }) => message?.from === you && message.at)?.message;
  if (own) rules?.then((view) => view.countFromMessage(serverNow() - own.at));
  await tabOutbox.adoptAbandoned((entries) => outbox.adopt(entries));
  conversation.flush();
  welcomes += 1;
  if (welcomes > 1) (await import("./version.js").catch(() => null))?.offerNewVersion(status);
}

const conversation = new Conversation({
  you,
  timeline,
  presence: members.presence,
  outbox,
  send: (frame) => connection.send(frame),
  view: {
    announce,
    onMessage: handleMessage,
    showPeople: () => members.show(),
    showRules,
    onSent: () => rules?.then((view) => view.countFromMessage()),
    onPause: (ms) => rules?.then((view) => view.countPause(ms)),
    showOutbox,
    onChange: (id) => quoting.update(id),
    onRefusedDeletion: async () => (await menus.load())?.showRefusedDeletion(),
    showTyping: async (names, count) => (await (names.length > 0 ? loadTyping() : typing))?.show(names, count),
  },
});

const menus = new MenuLoader({
  ...{ composer, conversation, you, texts, mutes, leaving, loadAnswering },
  messageOf: (row) => timelineView.messageOf(row),
  getEditMs: () => editMs,
  onLeaving: showOutbox,
});
if (moderates === "true") import("./report_count.js").then(({ addReportCount }) => addReportCount({ document, texts }), () => {});
/** Loaded when the first person types. */
let typing = null;
function loadTyping() {
  const use = { line: part("typing"), texts, mutes, send: (frame) => connection.send(frame) };
  typing ??= import("./typing.js").then(
    ({ Typing }) => new Typing(use),
    () => (typing = null),
  );
  return typing;
}
composer.onResize = () => scroll.repin();
composer.onTyping = async () => (await loadTyping())?.start();
composer.onStop = async () => (await typing)?.stop();
composer.onSend = (text) => {
  const use = answering?.take();
  reader.clearMark();
  if (use?.target) return text !== use.before && conversation.edit(use.target, text);
  scroll.scrollToEnd();
  conversation.send(text, use ?? {});
};
composer.onUp = async () => (await menus.load())?.editLast(timeline.rows);
outboxView.onRetry = (nonce) => conversation.retry(nonce);
outboxView.onDiscard = (nonce) => conversation.discard(nonce);
outboxView.onDone = () => composer.focus();

// Events of the browser.

const checkConnection = () => connection.check();
status.onRetry = () => connection.connect();
for (const event of ["online", "offline", "pageshow", "focus"]) addEventListener(event, checkConnection);
document.addEventListener("resume", checkConnection);
for (const event of ["pointerdown", "keydown", "input"]) addEventListener(event, () => connection.nudge(), { passive: true });
function handleFront() {
  reader.updatePresent();
  if (isInFront()) preferences.clear();
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
  for (const key of [keys.draft, keys.edit, keys.answering]) session.remove(key);
});

showOutbox();
// Before a reload the composer was for an answer, or for a correction.
if (session.read(keys.answering)) loadAnswering().then((mode) => mode.resume(), () => {});
scroll.scrollToEnd();
reader.resume();
setInterval(() => timelineView.refreshCalendar(), CALENDAR_MS);
connection.connect();
document.documentElement.dataset.ready = "";
if (matchMedia("(any-pointer: coarse)").matches) {
  const { fitToViewport } = await import("./viewport.js");
  fitToViewport({ viewport: globalThis.visualViewport, element: document.body, onChange: () => scroll.repin() });
}
