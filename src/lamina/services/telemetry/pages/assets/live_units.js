// Numbers with their units, in few characters.

const plain = new Intl.NumberFormat("en");
/** Clocks of nodes may be ahead of the server's by so much. */
const AHEAD_MS = 3600e3;
const SIZES = ["B", "kB", "MB", "GB", "TB", "PB"];

/** A whole number with its thousands apart. */
export function count(value) {
  return plain.format(value);
}

/** A number of bytes, in steps of 1000. */
export function bytes(value) {
  let size = 0;
  while (value >= 999.5 && size < SIZES.length - 1) { value /= 1000; size += 1; }
  return `${size && value < 99.5 ? value.toFixed(1) : Math.round(value)} ${SIZES[size]}`;
}

/** Bytes a second. */
export function rate(value) {
  return `${bytes(value)}/s`;
}

/** A duration given in milliseconds. */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60e3) return `${(ms / 1000).toFixed(1)} s`;
  return long(Math.floor(ms / 1000));
}

/** How long ago a moment was; both in milliseconds since 1970. */
export function ago(then, now) {
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  return seconds < 60 ? `${seconds} s` : long(seconds);
}

/** How long a node runs that says when it was started; nothing where that was not yet. */
export function uptime(started, now) {
  return started <= now + AHEAD_MS ? ago(started, now) : "";
}

/** The begin and end of a hash or address. */
export function shortHash(text) {
  return text.length > 16 ? `${text.slice(0, 8)}…${text.slice(-6)}` : text;
}

function long(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return `${count(days)} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return `${minutes} min ${seconds % 60} s`;
}
