// What an outcome means to a person: colour, mark and word, never colour alone.

import { el } from "./dom.js";

const REFUSED = new Set([
  "invalid_argument",
  "not_found",
  "already_exists",
  "permission_denied",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unauthenticated",
  "unimplemented",
  "resource_exhausted",
  "cancelled",
]);

/** All codes, as the filter offers them. */
export const CODES = [
  "ok",
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

/** What a lost leg is called. */
export const LOST = {
  sent_never_received: "sent, never received",
  answered_response_lost: "answered, response lost",
  record_missing: "record missing",
};

/** `ok`, `refused`, `failed` or `lost`. */
export function tone(code, lost) {
  if (lost && lost !== "record_missing") return "lost";
  if (code === "ok") return "ok";
  return REFUSED.has(code) ? "refused" : "failed";
}

/** A code as a small coloured word. */
export function codeChip(code, lost) {
  const words = lost && lost !== "record_missing" ? (LOST[lost] ?? lost) : code;
  return el(`span.chip.tone-${tone(code, lost)}`, {}, words ?? "unknown");
}

/** How far a record has come, as its service says. */
export function stateChip(state) {
  return el("span.chip", { "data-state": state }, state ?? "–");
}

/** What was sent and came to nothing, in words. */
export function lostWords(request) {
  const { lost, from, to } = request;
  if (lost === "sent_never_received") return `${from} sent it, ${to} never received it`;
  if (lost === "answered_response_lost") return `${to} answered, the response never reached ${from}`;
  if (lost !== "record_missing") return lost ?? "";
  return request.out ? `${to} gave no record of it` : `${from} gave no record of it`;
}
