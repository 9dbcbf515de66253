// Execution times of a node's spans as they come.

import { LineChart } from "./chart.js";
import { connectForm, InfoLine, NodeChooser } from "./chooser.js";
import { Feed } from "./feed.js";
import { milliseconds, say } from "./page.js";

const find = (id) => document.getElementById(id);
const chooser = new NodeChooser();
let feed = null;
let charts = new Map();
let windowMs = 0;

function cancel() {
  feed?.close();
  feed = null;
}

function view() {
  cancel();
  charts = new Map();
  find("charts").replaceChildren();
  const node = chooser.node;
  const info = new InfoLine(node);
  windowMs = chooser.windowMs;
  feed = new Feed((peer, msg, elements) => (msg === "system.interval" ? info.take(elements) : draw(elements)));
  const type = find("aggregate").value;
  const more = type ? { aggregate_type: type, aggregate_interval: Number(find("interval").value) || 0, aggregate_key: "time" } : {};
  feed.subscribe(node.peer_id, "tracing.profiling", Date.now() - windowMs, more);
  feed.subscribe(node.peer_id, "system.interval", Date.now());
}

function draw(elements) {
  for (const each of elements) {
    const span = String(each.name ?? "?");
    if (!charts.has(span)) {
      const chart = new LineChart(span, { unit: "Execution time (ns)" });
      charts.set(span, chart);
      find("charts").append(chart.figure);
    }
    charts.get(span).add(`${each.target ?? "?"}::${span}`, [{ x: milliseconds(each.created_at), y: Number(each.time) }]);
  }
  for (const chart of charts.values()) chart.forget(Date.now() - windowMs);
  say(`${charts.size} spans.`);
}

connectForm(view, cancel);
chooser.load().catch((failure) => say(failure.message, true));
