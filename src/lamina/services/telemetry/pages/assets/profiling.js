// Execution times of a node's spans as they come.

import { LineChart } from "./chart.js";
import { connectForm, InfoLine, NodeChooser } from "./chooser.js";
import { Feed } from "./feed.js";
import { element, say } from "./page.js";
import { milliseconds, nodeLabel, numberOf, textOf } from "./said.js";

const CHARTS_MAX = 100;
/** A node's clock may be ahead of ours; what is further ahead would push everything else off the chart. */
const AHEAD_MS = 60000;
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
  const node = chooser.node;
  const info = new InfoLine(node);
  find("charts").replaceChildren(element("p", { class: "empty" },
    `Nothing from ${nodeLabel(node)} yet. Spans come from a node that runs with --tracing-receiver telemetry and --tracing-targets.`));
  windowMs = chooser.windowMs;
  feed = new Feed((peer, msg, elements) => (msg === "system.interval" ? info.take(elements) : draw(elements)));
  const type = find("aggregate").value;
  const more = type ? { aggregate_type: type, aggregate_interval: Math.max(0, Math.trunc(Number(find("interval").value)) || 0), aggregate_key: "time" } : {};
  feed.subscribe(node.peer_id, "tracing.profiling", Date.now() - windowMs, more);
  feed.subscribe(node.peer_id, "system.interval", Date.now());
}

function draw(elements) {
  const latest = Date.now() + AHEAD_MS;
  for (const each of elements) {
    const x = milliseconds(each.created_at), y = numberOf(each.time);
    if (x > latest || Number.isNaN(y)) continue;
    const span = textOf(each.name);
    chartOf(span)?.add(`${textOf(each.target)}::${span}`, [{ x, y }]);
  }
  for (const chart of charts.values()) chart.forget(Date.now() - windowMs);
  if (charts.size) say(charts.size < CHARTS_MAX ? `${charts.size} spans.` : `The first ${CHARTS_MAX} spans; others are not drawn.`);
}

/** The chart of a span, made when it is first heard of; null once there are too many. */
function chartOf(span) {
  if (charts.has(span) || charts.size >= CHARTS_MAX) return charts.get(span) ?? null;
  const chart = new LineChart(span, { unit: "Execution time (ns)" });
  if (!charts.size) find("charts").replaceChildren();
  charts.set(span, chart);
  find("charts").append(chart.figure);
  return chart;
}

connectForm(chooser, view, cancel);
