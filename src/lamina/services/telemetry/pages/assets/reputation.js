// What the other nodes think of one node, as they report it.

import { LineChart } from "./chart.js";
import { connectForm, InfoLine, NodeChooser } from "./chooser.js";
import { Feed } from "./feed.js";
import { element, say } from "./page.js";
import { milliseconds, nodeLabel, numberOf } from "./said.js";

/** A node's clock may be ahead of ours; what is further ahead would push everything else off the chart. */
const AHEAD_MS = 60000;
const find = (id) => document.getElementById(id);
const chooser = new NodeChooser();
let feed = null;

function cancel() {
  feed?.close();
  feed = null;
}

/** What a network state says of a peer: one object in older nodes, sets of them in newer ones. */
function reputation(state, peer) {
  const peerset = state?.peerset ?? {};
  const places = [peerset.nodes, ...(Array.isArray(peerset.sets) ? peerset.sets.map((each) => each?.nodes) : [])];
  for (const nodes of places) {
    if (nodes && Object.hasOwn(nodes, peer)) return numberOf(nodes[peer]?.reputation);
  }
  return NaN;
}

function view() {
  cancel();
  const node = chooser.node, others = chooser.nodes.filter((each) => each.peer_id !== node.peer_id);
  const info = new InfoLine(node), windowMs = chooser.windowMs;
  const names = new Map(chooser.nodes.map((each) => [each.peer_id, nodeLabel(each)]));
  const chart = new LineChart(`Reputation of ${nodeLabel(node)}`, { unit: "Reputation" });
  find("charts").replaceChildren(element("p", { class: "empty" }, others.length
    ? "No report yet. Nodes send what they think of their peers about every 30 s (system.network_state)."
    : "Only one node is known: there is none that could report on it. Start another one that connects here."));
  let count = 0;
  feed = new Feed((peer, msg, elements) => {
    if (msg === "system.interval") {
      info.take(elements);
      return;
    }
    const points = elements
      .map((each) => ({ x: milliseconds(each.created_at), y: reputation(each.state, node.peer_id) }))
      .filter((each) => each.x <= Date.now() + AHEAD_MS && !Number.isNaN(each.y));
    if (points.length === 0) return;
    if (!count) find("charts").replaceChildren(chart.figure);
    count += points.length;
    chart.add(names.get(peer) ?? peer, points);
    chart.forget(Date.now() - windowMs);
    say(`${count} reports of ${chart.series.size} nodes.`);
  });
  for (const other of others) feed.subscribe(other.peer_id, "system.network_state", Date.now() - windowMs);
  feed.subscribe(node.peer_id, "system.interval", Date.now());
}

connectForm(chooser, view, cancel);
