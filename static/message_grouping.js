// One person's messages that follow each other closely form a group, which shows their name once. src/web/chat.rs
// applies the same rule; tests/page/message_grouping.json holds the cases that both are tested with.

const MAX_PAUSE_MS = 5 * 60 * 1000;

/** Returns whether a message continues the group of the one before it. */
export function continuesGroup(before, message) {
  if (!before || before.removed || message.removed) return false;
  return before.from === message.from && message.at - before.at < MAX_PAUSE_MS;
}
