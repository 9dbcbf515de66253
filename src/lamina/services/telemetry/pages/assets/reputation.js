// What the other nodes think of one node, as they report it.

import { LineChart } from "./chart.js";
import { connectForm, InfoLine, NodeChooser } from "./chooser.js";
import { Feed } from "./feed.js";
import { milliseconds, nodeLabel, say } from "./page.js";

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
    if (nodes && Object.hasOwn(nodes, peer)) return Number(nodes[peer]?.reputation);
  }
  return NaN;
}

function view() {
  cancel();
  const node = chooser.node;
  const info = new InfoLine(node);
  const windowMs = chooser.windowMs;
  const names = new Map(chooser.nodes.map((each) => [each.peer_id, nodeLabel(each)]));
  const chart = new LineChart(`Reputation of ${nodeLabel(node)}`, { unit: "Reputation" });
  find("charts").replaceChildren(chart.figure);
  let count = 0;
  feed = new Feed((peer, msg, elements) => {
    if (msg === "system.interval") {
      info.take(elements);
      return;
    }
    const points = elements
      .map((each) => ({ x: milliseconds(each.created_at), y: reputation(each.state, node.peer_id) }))
      .filter((each) => Number.isFinite(each.y));
    if (points.length === 0) return;
    count += points.length;
    chart.add(names.get(peer) ?? peer, points);
    chart.forget(Date.now() - windowMs);
    say(`${count} reports of ${chart.series.size} nodes.`);
  });
  for (const other of chooser.nodes) {
    if (other.peer_id !== node.peer_id) feed.subscribe(other.peer_id, "system.network_state", Date.now() - windowMs);
  }
  feed.subscribe(node.peer_id, "system.interval", Date.now());
}

connectForm(view, cancel);
chooser.load().catch((failure) => say(failure.message, true));
