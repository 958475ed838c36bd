// Text from elsewhere, made safe to show: it cannot break a line, turn around what stands beside
// it, or hide. The same characters as the node's own `visible`: control, format, surrogate,
// private use, line and paragraph separators. `⟨` is shown as its number, too, so that two
// different texts never look the same.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}⟨]/gu;

/** The text with each hidden character as ⟨U+202E⟩. */
export function visible(text) {
  return String(text).replace(HIDDEN, (c) => {
    const number = c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `⟨U+${number}⟩`;
  });
}
