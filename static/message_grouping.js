// One person's messages that follow each other closely form a group, which shows their name once. src/web/chat.rs
// applies the same rule; tests/page/message_grouping.json holds the cases that both are tested with.

const MAX_PAUSE_MS = 5 * 60 * 1000;
const MINUTE_MS = 60 * 1000;

/** Returns whether a message continues the group of the one before it. */
export function continuesGroup(before, message) {
  if (!before || !message.from) return false;
  return before.from === message.from && before.as === message.as && message.at - before.at < MAX_PAUSE_MS;
}

/** Returns whether a message shows its time only with the next one of its group: both are of the same minute. */
export function sharesTime(message, next) {
  return Math.floor(message.at / MINUTE_MS) === Math.floor(next.at / MINUTE_MS);
}
