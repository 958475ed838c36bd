// The view of the messages to this node, and from it.

import { answering } from "./catalog.js";
import { el } from "./dom.js";
import { day, when } from "./format.js";
import { node, ourName } from "./node.js";
import { serviceView } from "./service.js";
import { stateChip } from "./tone.js";

const KIND = {
  service: "messages",
  title: "Messages",
  one: "message",
  row: "message-row",
  choice: "box",
  whole: "in",
  words: { in: "To us", out: "From us" },
  accepts: (message, box) => (box === "out" ? message.from : message.to) === ourName(),
  // What is shown to the one it is for has reached it: its sender sees it as delivered.
  reaches: (event, message) => event === "messages.sent" && message.to === ourName(),
  suggest: () => ({
    to: [...new Set([...(node.get().status?.sessions ?? []).map((session) => session.peer), ...answering()])],
  }),
  columns: [
    { name: "Text", main: true, show: (message) => el("span.message-text", {}, message.text) },
    { name: "From", show: (message) => message.from },
    { name: "To", show: (message) => message.to },
    { name: "State", show: (message) => stateChip(message.state) },
    { name: "Sent", num: true, show: (message) => el("span", { title: day(message.sent_ms) }, when(message.sent_ms)) },
  ],
};

/** Shows it in `root`. */
export function messagesView(root, query) {
  return serviceView(root, query, KIND);
}
