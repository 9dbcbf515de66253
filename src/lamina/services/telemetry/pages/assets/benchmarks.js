// Execution times that a node logged between the start and the end of a benchmark's event.

import { LineChart } from "./chart.js";
import { element, getJSON, milliseconds, say } from "./page.js";

const LIMIT = 100000;
const find = (id) => document.getElementById(id);
let benchmarks = [];
let events = [];

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, label]) => element("option", { value }, label)));
}

function chosen() {
  return benchmarks.find((each) => String(each.id) === find("benchmark").value);
}

async function loadBenchmarks() {
  benchmarks = await getJSON("/benchmarks");
  options(find("benchmark"), benchmarks.map((each) => [each.id, each.created_at]));
  if (benchmarks.length === 0) {
    find("view").disabled = true;
    say("There is no benchmark yet. POST one to /benchmarks; GET /benchmarks/example shows how.");
    return;
  }
  await choose();
}

async function choose() {
  const benchmark = chosen();
  find("document").textContent = JSON.stringify(benchmark, null, 2);
  const [found, targets] = await Promise.all([
    getJSON(`/benchmarks/${benchmark.id}/events`),
    getJSON(`/benchmarks/${benchmark.id}/targets`),
  ]);
  events = found;
  const names = [...new Set(events.filter((each) => each.phase !== "end").map((each) => each.name))];
  options(find("event"), names.map((name) => [name, name]));
  options(find("target"), [["ALL", "ALL"], ...targets.map(({ target }) => [target, target])]);
  find("view").disabled = names.length === 0;
  say(names.length ? "Choose an event and View." : "This benchmark has no events yet: POST them to /benchmarks/events.");
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
  if (!peer) {
    say("The benchmark's setup names no node: setup.tetcore.peerId is missing.", true);
    return;
  }
  const target = find("target").value;
  say("Loading…");
  const logs = await getJSON("/nodes/logs", {
    peer_id: peer, msg: "tracing.profiling", start_time: start, end_time: end, limit: LIMIT,
    target: target === "ALL" ? null : target,
  });
  draw(logs);
}

function draw(logs) {
  const series = new Map();
  for (const each of logs) {
    const name = `${each.logs.target ?? "?"}::${each.logs.name ?? "?"}`;
    if (!series.has(name)) series.set(name, []);
    series.get(name).push({ x: milliseconds(each.created_at), y: Number(each.logs.time) / 1e6, source: each });
  }
  const charts = [...series.keys()].sort().map((name) => {
    const chart = new LineChart(name, { unit: "Execution time (ms)", pick: show });
    chart.add(name, series.get(name));
    return chart.figure;
  });
  find("charts").replaceChildren(...charts);
  find("point").hidden = find("point-title").hidden = charts.length === 0;
  find("point").textContent = "";
  say(logs.length ? `${logs.length} messages, ${series.size} spans.` : "No such messages in that time.");
}

function show(point) {
  find("point").textContent = JSON.stringify(point.source, null, 2);
}

const guarded = (work) => (event) => { event?.preventDefault(); work().catch((failure) => say(failure.message, true)); };
find("benchmark").addEventListener("change", guarded(choose));
find("chooser").addEventListener("submit", guarded(view));
guarded(loadBenchmarks)();
