// The columns of the live list: what a node's value is for sorting, and how it reads.

import { ago, bytes, count, rate, shortHash, span, uptime } from "./live_units.js";

const last = (means) => (means && means.length ? means[means.length - 1] : null);
const yesNo = (value) => (value === true ? "yes" : value === false ? "no" : null);
const own = (node, name) => node.sysinfo?.[name] ?? null;
const hasBlock = (node) => node.best && (node.best.height > 0 || !/^0x0*$/.test(node.best.hash));

function column(key, label, value, { text = String, isNumber = false, isShown = false, isTicking = false, whole = null } = {}) {
  return { key, label, value, text, isNumber, isShown, isTicking, whole };
}

const words = (key, label, value, isShown = false) => column(key, label, value, { isShown });
const hash = (key, label, value) => column(key, label, value, { text: shortHash, whole: value });
const number = (key, label, value, text, isShown = false) => column(key, label, value, { text, isNumber: true, isShown });
const ticking = (key, label, value, text, isShown) => column(key, label, value, { text, isNumber: true, isShown, isTicking: true });

/** All of them, in the order shown. `value(node)` is null where a node has none; `text(value, now)` is for people. */
export const COLUMNS = [
  column("name", "Name", (node) => node.name, { isShown: true }),
  hash("validator", "Validator", (node) => node.validator),
  words("location", "Location", (node) => node.location?.city ?? null, true),
  words("implementation", "Implementation", (node) => node.implementation),
  words("version", "Version", (node) => node.version, true),
  hash("network_id", "Network id", (node) => node.network_id),
  number("peers", "Peers", (node) => node.peers, count, true),
  number("txcount", "Transactions", (node) => node.txcount, count, true),
  number("upload", "Upload", (node) => last(node.upload), rate),
  number("download", "Download", (node) => last(node.download), rate),
  number("state_cache", "State cache", (node) => last(node.state_cache), bytes),
  number("block", "Block", (node) => (hasBlock(node) ? node.best.height : null), count, true),
  hash("block_hash", "Block hash", (node) => (hasBlock(node) ? node.best.hash : null)),
  number("finalized", "Finalized", (node) => node.finalized?.height || null, count, true),
  hash("finalized_hash", "Finalized hash", (node) => (node.finalized?.height ? node.finalized.hash : null)),
  number("block_time", "Block time", (node) => (hasBlock(node) ? node.best.block_time : null), span, true),
  number("propagation", "Propagation", (node) => node.best?.propagation_time ?? null, span, true),
  ticking("age", "Last block", (node) => (hasBlock(node) ? node.best.timestamp : null), ago, true),
  ticking("uptime", "Uptime", (node) => node.startup_time, uptime, false),
  words("cpu", "CPU", (node) => own(node, "cpu")),
  number("cores", "Cores", (node) => own(node, "core_count"), count),
  number("memory", "Memory", (node) => own(node, "memory"), bytes),
  words("os", "OS", (node) => node.target_os),
  words("arch", "Architecture", (node) => node.target_arch),
  words("kernel", "Kernel", (node) => own(node, "linux_kernel")),
  words("distro", "Distribution", (node) => own(node, "linux_distro")),
  words("virtual", "Virtual machine", (node) => yesNo(own(node, "is_virtual_machine"))),
];

/** Whether a node has a piece of text, given in lower case, in what is known of it. */
export function matches(node, part) {
  if (!part) return true;
  const said = [node.name, node.network_id, node.implementation, node.version, node.validator, node.location?.city, node.ip];
  return said.some((each) => each && each.toLowerCase().includes(part));
}

/** Order of two values of a column, either way; nodes without a value come last both times. */
export function compare(a, b, direction) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined) return -1;
  const order = typeof a === "number" ? a - b : collator.compare(a, b);
  return order * direction;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
