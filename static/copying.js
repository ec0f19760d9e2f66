// Copies several messages as lines "name: text", without initials, times and buttons.

/** Sets what is copied from a list of messages, where more than one is selected. */
export function copyAsText(list, document) {
  list.addEventListener("copy", (event) => {
    const selection = document.getSelection();
    if (selection.rangeCount === 0) return;
    const lines = selectedLines(list, selection.getRangeAt(0), document);
    if (lines.length < 2) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", lines.join("\n"));
  });
}

function selectedLines(list, range, document) {
  const messages = Array.from(list.querySelectorAll(".message:not(.muted)")).filter((item) => range.intersectsNode(item));
  const parts = messages.map((item) => [item.querySelector(".from"), selectedPart(item.querySelector(".text"), range, document)]);
  return parts.filter(([, text]) => text.trim()).map(([from, text]) => (from.textContent ? `${from.textContent}: ${text}` : text));
}

/** The part of an element's text that is in a range. */
function selectedPart(element, range, document) {
  if (!range.intersectsNode(element)) return "";
  const part = document.createRange();
  part.selectNodeContents(element);
  if (part.compareBoundaryPoints(Range.START_TO_START, range) < 0) part.setStart(range.startContainer, range.startOffset);
  if (part.compareBoundaryPoints(Range.END_TO_END, range) > 0) part.setEnd(range.endContainer, range.endOffset);
  return part.toString();
}
