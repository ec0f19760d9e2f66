// The menus of messages and people: what their actions do to the page, and the ways to open them. Loaded at the first sign of a
// reader who may want one.

import { showMessageMenu, showPersonMenu, showRefusedDeletion } from "./actions.js";
import { serverNow } from "./clock.js";
import { copyAsText } from "./copying.js";
import { addLongPress, addMessageKeys } from "./row_menu.js";
import { loadStyle } from "./style.js";

/** Resolves when menus and toasts have their look. */
export const isStyled = loadStyle("menu.css");

/**
 * `messageOf` returns the message of a row, `getEditMs` how long after its time a message may be edited, `loadAnswering` the mode of
 * the composer. `leaving` are the messages whose deletion can still be taken back; `onLeaving` is called when they have changed.
 */
export class Menus {
  #use;
  #context;

  constructor(use) {
    const { you, texts, mutes } = use;
    this.#use = use;
    const { moderates } = document.body.dataset;
    const may = { mayModerate: moderates === "true", mayReport: moderates !== "" };
    this.#context = { document, you, texts, mutes, ...may, ...this.#abilities(), ...this.#effects(), ...this.#removal() };
  }

  /** Adds the long press, the keys and copying; `press` is the event of a finger that is down already. */
  listen({ list, box, press }) {
    const open = (row, at) => this.openMessage(row, at);
    copyAsText(list, document);
    addLongPress(list, open, press);
    addMessageKeys(box, { open, leave: () => this.#use.composer.focus() });
  }

  openMessage(row, at) {
    const message = this.#use.messageOf(row);
    if (message && !message.removed) showMessageMenu(message, at, this.#context);
  }

  openPerson(row) {
    const { name } = row.dataset;
    if (name !== this.#use.you) showPersonMenu(name, row, this.#context);
  }

  /** Edits the last of the user's own messages, if it still may be. */
  editLast(rows) {
    const last = rows.findLast(({ message }) => message?.from === this.#use.you && !message.removed);
    if (last && this.#context.can.edit(last.message)) this.#context.edit(last.message);
  }

  showRefusedDeletion() {
    showRefusedDeletion(this.#context);
  }

  #abilities() {
    const { you, getEditMs } = this.#use;
    const can = {
      reply: () => getEditMs() !== undefined,
      edit: ({ from, at }) => from === you && serverNow() - at < (getEditMs() ?? 0),
      remove: ({ from }) => from === you && getEditMs() !== undefined,
    };
    return { can };
  }

  #effects() {
    const { composer, loadAnswering } = this.#use;
    const mention = (name) => {
      // The sheet of people covers the box.
      if (document.body.classList.contains("people-shown")) document.getElementById("people-close").click();
      composer.insert(`@${name} `);
    };
    const reply = async (message) => (await loadAnswering()).reply(message);
    const edit = async (message) => (await loadAnswering()).edit(message);
    // The focused element may be hidden now.
    const rest = () => document.activeElement?.offsetParent || document.getElementById("scroll").focus({ preventScroll: true });
    return { mention, reply, edit, rest };
  }

  #removal() {
    const { leaving, onLeaving, conversation } = this.#use;
    const hide = (id) => {
      leaving.add(id);
      onLeaving();
    };
    const unhide = (id) => {
      leaving.delete(id);
      onLeaving();
    };
    const commitRemoval = (id) => {
      leaving.delete(id);
      conversation.delete(id);
    };
    return { hide, unhide, commitRemoval };
  }
}
