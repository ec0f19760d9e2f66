// Reports of messages to the moderators. Loaded when it is first needed.

import { root, timeoutSignal } from "./api.js";
import { createButton, createElement } from "./element.js";
import { loadStyle } from "./style.js";
import { formatNodes } from "./texts.js";
import { showToast } from "./toast.js";

const TIMEOUT_MS = 5_000;
const REASON_CHARS = 200;

/** Asks for a reason, which may be left out, and sends the report. The focus is on the button that sends it. */
export async function showReport(message, { document, texts }) {
  await loadStyle("report.css");
  const { report } = texts;
  const dialog = createElement("dialog", "report");
  const title = createElement("h2", "", ...formatNodes(report.title, { username: message.from }));
  title.id = "report-title";
  const label = createElement("label", "", report.reason);
  const reason = createElement("input", "");
  Object.assign(reason, { id: "report-reason", type: "text", maxLength: REASON_CHARS, dir: "auto", autocomplete: "off" });
  label.htmlFor = reason.id;
  const submit = createElement("button", "primary", report.send);
  submit.type = "submit";
  const cancel = createButton("plain", report.cancel, () => dialog.close());
  const form = createElement("form", "", title, label, reason, createElement("div", "buttons", submit, cancel));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
    send({ id: message.id, reason: reason.value }, { document, report });
  });
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  submit.focus();
}

/** A message that is gone needs no moderator any more. */
async function send(body, { document, report }) {
  let isDone = false;
  try {
    const headers = { "content-type": "application/json" };
    const options = { method: "POST", headers, body: JSON.stringify(body), keepalive: true, signal: timeoutSignal(TIMEOUT_MS) };
    const { ok, status } = await fetch(`${root}/api/reports`, options);
    isDone = ok || status === 404;
  } catch {
    // Not sent, as far as the page knows.
  }
  showToast({ document, text: isDone ? report.sent : report.failed });
}
