// What nodes say, made fit to show: anybody may send anything, so nothing here throws, whatever it is given.

const CHARACTERS_MAX = 120;
/** Characters that turn the writing of what follows round; without them a text cannot disturb what stands beside it. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
const DATE_MS_MAX = 8.64e15;
/** Beyond it a drawing's arithmetic leaves what numbers can hold. */
const SIZE_MAX = 1e300;

/** A number, also one written as text; NaN for everything else, and for what is too large to be drawn. */
export function numberOf(value) {
  const isText = typeof value === "string" && value.trim() !== "";
  const number = typeof value === "number" || isText ? Number(value) : NaN;
  return Math.abs(number) <= SIZE_MAX ? number : NaN;
}

/** A value as text of bounded length; `otherwise` where there is none. */
export function textOf(value, otherwise = "?") {
  if (value === null || value === undefined || value === "") return otherwise;
  const text = (typeof value === "object" ? JSON.stringify(value) : String(value)).replace(TURNING, "");
  return text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX - 1)}…` : text;
}

/** `name (first6...last6)`; nodes may have neither name nor peer id. */
export function nodeLabel(node) {
  const peer = node.peer_id ?? "";
  const short = peer.length > 15 ? `${peer.slice(0, 6)}...${peer.slice(-6)}` : peer || "no peer id";
  return `${textOf(node.name, "unnamed")} (${short})`;
}

/** Whether there is such a moment; in milliseconds since 1970. */
export function isMoment(ms) {
  return typeof ms === "number" && Math.abs(ms) <= DATE_MS_MAX;
}

/** A moment in ISO's form; `otherwise` where there is no such moment. */
export function isoText(ms, otherwise) {
  return isMoment(ms) ? new Date(ms).toISOString() : otherwise;
}

/** A moment for people, in UTC, to the second; an impossible one says that it is. */
export function momentText(ms) {
  return isMoment(ms) ? `${isoText(ms).replace(/\.\d+Z$/, "").replace("T", " ")} UTC` : `impossible: ${textOf(ms)}`;
}

/** A zone-less UTC text of the server as milliseconds since 1970. */
export function milliseconds(text) {
  return Date.parse(`${text}Z`);
}

/** Milliseconds since 1970 as the zone-less UTC text that the server reads. */
export function utcText(ms) {
  return new Date(ms).toISOString().slice(0, -1);
}
