// Execution times that a node logged between the start and the end of a benchmark's event.

import { LineChart } from "./chart.js";
import { attempt, element, getJSON, say } from "./page.js";
import { milliseconds, numberOf, textOf } from "./said.js";

const LIMIT = 100000;
const CHARTS_MAX = 100;
const find = (id) => document.getElementById(id);
let benchmarks = [];
let events = [];

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, label]) => element("option", { value }, label)));
  select.disabled = entries.length === 0;
}

function chosen() {
  return benchmarks.find((each) => String(each.id) === find("benchmark").value);
}

async function loadBenchmarks() {
  say("Loading the benchmarks…");
  benchmarks = await getJSON("/benchmarks");
  options(find("benchmark"), benchmarks.map((each) => [each.id, each.created_at]));
  if (benchmarks.length === 0) {
    for (const id of ["event", "target", "view"]) find(id).disabled = true;
    say("There is no benchmark yet. POST one to /benchmarks (GET /benchmarks/example shows how), then reload this page.");
    return;
  }
  await choose();
}

async function choose() {
  const benchmark = chosen();
  find("document").textContent = JSON.stringify(benchmark, null, 2);
  say("Loading the benchmark's events…");
  const [found, targets] = await Promise.all([
    getJSON(`/benchmarks/${benchmark.id}/events`),
    getJSON(`/benchmarks/${benchmark.id}/targets`),
  ]);
  events = found;
  const names = [...new Set(events.filter((each) => each.phase !== "end").map((each) => each.name))];
  options(find("event"), names.map((name) => [name, textOf(name)]));
  options(find("target"), [["ALL", "ALL"], ...targets.map(({ target }) => [target, textOf(target)])]);
  find("view").disabled = names.length === 0;
  say(names.length ? "Choose an event and View." : "This benchmark has no events yet: POST them to /benchmarks/events, then reload this page.");
}

/** Where an event begins and ends; the end may not have come yet. */
function span(name) {
  const named = events.filter((each) => each.name === name);
  return [named.find((each) => each.phase !== "end")?.created_at, named.find((each) => each.phase === "end")?.created_at];
}

async function view() {
  const [start, end] = span(find("event").value);
  const setup = chosen().setup ?? {};
  const peer = setup.tetcore?.peerId ?? setup.substrate?.peerId;
  if (typeof peer !== "string" || !peer) {
    say("The benchmark's setup names no node: POST one whose setup.tetcore.peerId is the node's peer id.", true);
    return;
  }
  const target = find("target").value;
  say("Loading the messages…");
  const logs = await getJSON("/nodes/logs", {
    peer_id: peer, msg: "tracing.profiling", start_time: start, end_time: end, limit: LIMIT,
    target: target === "ALL" ? null : target,
  });
  draw(logs);
}

function draw(logs) {
  const series = new Map();
  for (const each of logs) {
    const name = `${textOf(each.logs.target)}::${textOf(each.logs.name)}`;
    if (!series.has(name)) series.set(name, []);
    series.get(name).push({ x: milliseconds(each.created_at), y: numberOf(each.logs.time) / 1e6, source: each });
  }
  const charts = [...series.keys()].sort().slice(0, CHARTS_MAX).map((name) => {
    const chart = new LineChart(name, { unit: "Execution time (ms)", pick: show });
    chart.add(name, series.get(name));
    return chart.figure;
  });
  find("charts").replaceChildren(...charts);
  find("point").hidden = find("point-title").hidden = charts.length === 0;
  find("point").textContent = "Point at a line, or focus a chart and press the arrow keys.";
  const left = series.size - charts.length;
  say(logs.length
    ? `${logs.length} messages, ${series.size} spans${left ? `, the first ${charts.length} drawn: choose a target to see the others` : ""}.`
    : "The node sent no such messages in that time. Was it connected, with --tracing-receiver telemetry? Choose another event or target.");
}

function show(point) {
  find("point").textContent = JSON.stringify(point.source, null, 2);
}

const doing = (work) => (event) => { event?.preventDefault(); attempt(work); };
find("benchmark").addEventListener("change", doing(choose));
find("chooser").addEventListener("submit", doing(view));
doing(loadBenchmarks)();
