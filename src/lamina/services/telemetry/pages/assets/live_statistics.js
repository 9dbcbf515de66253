// What the nodes of a chain run on and how fast that is: a table for each ranking.

import { element, scrolling } from "./page.js";
import { momentText } from "./said.js";
import { count } from "./live_units.js";
import { percent, shareBar } from "./live_share.js";

const bucket = (unit) => ([low, high]) => (high === null ? `from ${low} ${unit}` : `${low}–${high} ${unit}`);
const score = bucket("%");

const RANKINGS = [
  ["version", "Version", String],
  ["target_os", "Operating system", String],
  ["target_arch", "Architecture", String],
  ["linux_distro", "Distribution", String],
  ["linux_kernel", "Kernel", String],
  ["cpu_vendor", "CPU vendor", String],
  ["cpu", "CPU", String],
  ["core_count", "Cores", String],
  ["memory", "Memory", bucket("GB")],
  ["is_virtual_machine", "Virtual machine", (is) => (is ? "yes" : "no")],
  ["cpu_hashrate_score", "CPU speed", score],
  ["parallel_cpu_hashrate_score", "CPU speed, all cores", score],
  ["memory_memcpy_score", "Memory speed", score],
  ["disk_sequential_write_score", "Disk speed, sequential writes", score],
  ["disk_random_write_score", "Disk speed, random writes", score],
];

/** Show the rankings, of the present or of a moment, in place of what was shown. */
export function drawStatistics(place, rankings, moment) {
  const taken = moment === null ? "Taken anew every few seconds." : `As of ${momentText(moment)}.`;
  const note = element("p", { class: "faint" }, `${taken} Speeds are shares of the reference machine's.`);
  const tables = RANKINGS.filter(([name]) => rankings[name]).map(([name, title, label]) => ranking(title, rankings[name], label));
  place.replaceChildren(note, element("div", { class: "rankings" }, ...tables));
}

function ranking(title, { list, other, unknown }, label) {
  const entries = list.map(([key, qty]) => [label(key), qty, ""]);
  if (other) entries.push(["other", other, "faint"]);
  if (unknown) entries.push(["unknown", unknown, "faint"]);
  const whole = entries.reduce((sum, [, qty]) => sum + qty, 0);
  const head = element("tr", {}, element("th", { scope: "col" }, "Value"), element("th", { scope: "col", class: "number" }, "Nodes"),
    element("th", { scope: "colgroup", colspan: 2 }, "Share"));
  const rows = entries.map(([text, qty, kind]) => element("tr", {},
    element("td", { class: kind }, text || "–"), element("td", { class: "number" }, count(qty)),
    element("td", { class: "number" }, percent(qty, whole)), element("td", {}, shareBar(qty, whole))));
  return element("section", {}, element("h2", {}, title),
    scrolling(title, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))));
}
