// Actions on a message or a person, as the items of a menu. Loaded when first needed.

import { showMenu } from "./menu.js";
import { formatNodes, formatText } from "./texts.js";
import { showToast } from "./toast.js";

const TITLE_CHARS = 120;

/** Opens the menu of a message. */
export async function showMessageMenu(message, at, context) {
  const { document, texts } = context;
  const { id, from, text } = message;
  const label = formatText(texts.menu_of, { username: from });
  const name = document.createElement("b");
  name.append(...formatNodes("{username}", { username: from }));
  const title = [name, ` ${text.slice(0, TITLE_CHARS)}`];
  const items = [...messageItems(message, context), ...(await moderationItems({ from, id }, at, context))];
  showMenu({ document, at, label, title, items });
}

/** Opens the menu of a person in the room. */
export async function showPersonMenu(name, at, context) {
  const { document, texts, mention } = context;
  const label = formatText(texts.menu_of, { username: name });
  const items = [
    { label: texts.mention, icon: "mention", run: () => mention(name) },
    muteItem(name, context),
    ...(await moderationItems({ from: name }, at, context)),
  ];
  showMenu({ document, at, label, title: formatNodes("{username}", { username: name }), items });
}

/** Returns the items of a moderator; without a connection none. */
async function moderationItems(target, at, context) {
  if (!context.mayModerate) return [];
  try {
    return await (await import("./moderation.js")).moderationItems(target, at, context);
  } catch {
    return [];
  }
}

function messageItems(message, context) {
  const { you, texts, can, reply, edit } = context;
  const items = [];
  if (can.reply()) items.push({ label: texts.reply, icon: "reply", run: () => reply(message) });
  items.push({ label: texts.copy, icon: "copy", run: () => copy(message.text, context) });
  if (can.edit(message)) items.push({ label: texts.edit, icon: "edit", run: () => edit(message) });
  if (can.remove(message)) items.push({ label: texts.remove, icon: "remove", isDanger: true, run: () => remove(message, context) });
  if (message.from !== you) items.push(muteItem(message.from, context));
  if (message.from !== you && context.mayReport) items.push({ label: texts.report.item, icon: "report", run: () => report(message, context) });
  return items;
}

/** The message is gone from the page at once, and from the server unless it is taken back in time. */
function remove({ id }, { document, texts, hide, unhide, commitRemoval, rest }) {
  hide(id);
  rest();
  const undo = { label: texts.undo, run: () => unhide(id) };
  showToast({ document, text: texts.deleted, undo, onEnd: () => commitRemoval(id) });
}

/** Without a connection nothing can be reported. */
async function report(message, context) {
  const { document, texts } = context;
  try {
    await (await import("./report.js")).showReport(message, context);
  } catch {
    showToast({ document, text: texts.report.failed });
  }
}

/** Says that a deletion was refused. */
export function showRefusedDeletion({ document, texts }) {
  showToast({ document, text: texts.not_yours });
}

function muteItem(name, { document, mutes, texts, rest }) {
  const isMuted = mutes.has(name);
  const undo = { label: texts.undo, run: () => mutes.toggle(name) };
  const run = () => {
    mutes.toggle(name);
    rest();
    if (!isMuted) showToast({ document, text: formatText(texts.muted, { username: name }), undo });
  };
  return { label: isMuted ? texts.unmute : texts.mute, icon: isMuted ? "unmute" : "mute", run };
}

async function copy(text, { document, texts }) {
  showToast({ document, text: (await writeClipboard(text, document)) ? texts.copied : texts.copy_failed });
}

/** Over http there is no clipboard but for a selection. */
async function writeClipboard(text, document) {
  try {
    await document.defaultView.navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    const focused = document.activeElement;
    document.body.append(box);
    box.select();
    const isCopied = document.execCommand("copy");
    box.remove();
    focused?.focus();
    return isCopied;
  }
}
