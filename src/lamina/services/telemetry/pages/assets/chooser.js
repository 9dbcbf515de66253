// The choice of a node, and the line that says what is known of it.

import { element, getJSON, nodeLabel, say } from "./page.js";

const find = (id) => document.getElementById(id);

export class NodeChooser {
  /** Fill the choice; nodes without a peer id cannot be asked for and are left out. */
  async load() {
    const all = await getJSON("/nodes");
    this.nodes = all.filter((node) => node.peer_id !== null);
    find("node").replaceChildren(...this.nodes.map((node) => element("option", { value: node.peer_id }, nodeLabel(node))));
    const has = this.nodes.length > 0;
    find("view").disabled = !has;
    say(has ? "Choose a node and View." : "No node has said who it is yet. Start one with --telemetry-url 'ws://host:port/ 0'.");
  }

  /** The chosen node. */
  get node() {
    return this.nodes.find((node) => node.peer_id === find("node").value);
  }

  /** The minutes to show, as milliseconds. */
  get windowMs() {
    return Math.max(1, Number(find("minutes").value) || 5) * 60000;
  }
}

/** Name, chain, authority, start, peers and height of a node. */
export class InfoLine {
  constructor(node) {
    const started = node.startup_time === null ? "unknown" : new Date(node.startup_time).toISOString();
    this.values = { peers: element("dd", {}, "–"), height: element("dd", {}, "–") };
    const facts = [
      ["Name", element("dd", {}, node.name ?? "unnamed")],
      ["Chain", element("dd", {}, node.chain ?? "unknown")],
      ["Authority", element("dd", {}, node.authority === null ? "unknown" : String(node.authority))],
      ["Started", element("dd", {}, started)],
      ["Peers", this.values.peers],
      ["Height", this.values.height],
    ];
    find("facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), value)));
  }

  /** Take what system.interval says; each value may be absent from a message. */
  take(elements) {
    for (const each of elements) {
      for (const [name, place] of Object.entries(this.values)) {
        if (each[name] !== undefined && each[name] !== null) place.textContent = String(each[name]);
      }
    }
  }
}

/** Run `view` on the form, `cancel` on its button; failures are said. */
export function connectForm(view, cancel) {
  find("chooser").addEventListener("submit", (event) => {
    event.preventDefault();
    find("cancel").disabled = false;
    try { view(); } catch (failure) { say(failure.message, true); }
  });
  find("cancel").addEventListener("click", () => {
    find("cancel").disabled = true;
    cancel();
    say("Cancelled.");
  });
}
