// Numbers and times as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const NUMBER = new Intl.NumberFormat();

/** 1 234 567 in the reader's way. */
export function count(n) {
  return n === undefined || n === null ? "–" : NUMBER.format(n);
}

/** A number of things: `1 node`, `2 nodes`. */
export function many(n, one, more = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : more}`;
}

/** A duration in microseconds: `840 µs`, `3.2 ms`, `1.24 s`. */
export function micros(us) {
  if (us === undefined || us === null) return "–";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  return us < 60_000_000 ? `${(us / 1_000_000).toFixed(2)} s` : seconds(us / 1_000_000);
}

/** A longer time in seconds: `12 s`, `4 min`, `3 h 20 min`, `12 d`. */
export function seconds(s) {
  if (s === undefined || s === null) return "–";
  s = Math.round(s);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const hours = Math.floor(s / 3600);
  if (hours < 24) return `${hours} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Bytes: `840 B`, `12.4 kB`. */
export function bytes(n) {
  if (n === undefined || n === null) return "–";
  if (n < 1000) return `${n} B`;
  for (const unit of ["kB", "MB", "GB"]) {
    n /= 1000;
    if (n < 1000 || unit === "GB") return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${unit}`;
  }
}

/** The time of day of microseconds since 1970: `14:03:12.482`. */
export function clock(us) {
  if (!Number.isFinite(us)) return "–";
  const ms = Math.floor(us / 1000);
  return `${CLOCK.format(ms)}.${String(((ms % 1000) + 1000) % 1000).padStart(3, "0")}`;
}

/** Day and time of milliseconds since 1970. */
export function day(ms) {
  return Number.isFinite(Number(ms)) ? DAY.format(Number(ms)) : "–";
}

/** When something was, in milliseconds since 1970: the time of today, else day and time. */
export function when(ms) {
  const at = new Date(Number(ms));
  return at.toDateString() === new Date().toDateString() ? CLOCK.format(at) : day(ms);
}

/** How far away a time is: `in 12 d 3 h`, `4 min ago`. */
export function away(ms, now = Date.now()) {
  const s = (ms - now) / 1000;
  return s >= 0 ? `in ${seconds(s)}` : `${seconds(-s)} ago`;
}

/** An amount in a currency's minor unit, with as many decimals as that currency has. */
export function money(minor, currency) {
  let format;
  try {
    format = new Intl.NumberFormat(undefined, { style: "currency", currency });
  } catch {
    return `${minor} ${currency ?? ""} (minor units)`;
  }
  const digits = format.resolvedOptions().maximumFractionDigits;
  // As text, so that no amount is too large to be exact.
  const text = String(minor);
  if (!/^\d+$/.test(text)) return `${text} ${currency}`;
  const padded = text.padStart(digits + 1, "0");
  const whole = padded.slice(0, padded.length - digits);
  return format.format(digits ? `${whole}.${padded.slice(-digits)}` : whole);
}

/** The first and last digits of a long id. */
export function brief(id, head = 8) {
  return id === undefined || id === null ? "–" : String(id).slice(0, head);
}
