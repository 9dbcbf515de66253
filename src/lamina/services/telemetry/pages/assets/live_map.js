// Where the nodes are: an equirectangular graticule with a circle for each place.

import { element, shape } from "./page.js";
import { matches } from "./live_columns.js";

const NAMES_SHOWN = 20;
const PLACES_MAX = 500;

export class NodeMap {
  /** `hrefOf(node)` is the address of a node's history. */
  constructor(place, hrefOf) {
    this.hrefOf = hrefOf;
    this.circles = shape("g");
    this.drawing = shape("svg", { viewBox: "-180 -90 360 180", class: "map", role: "group", "aria-label": "Map of the nodes" }, graticule(), this.circles);
    this.line = element("p", { class: "faint" });
    this.rows = element("tbody");
    const head = element("tr", {}, element("th", { scope: "col" }, "Place"),
      element("th", { scope: "col", class: "number" }, "Nodes"), element("th", { scope: "col" }, "Names"));
    this.table = element("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Places" },
      element("table", { class: "places" }, element("thead", {}, head), this.rows));
    this.drawn = "";
    place.append(this.line, this.drawing, this.table);
  }

  /** Draw the nodes that a filter leaves. */
  draw(nodes, part) {
    const found = [...nodes.values()].filter((node) => matches(node, part));
    const places = this.places(found);
    const located = places.reduce((sum, { nodes: here }) => sum + here.length, 0);
    // Nodes send blocks all the time and move hardly ever: the map is made anew only when it would differ.
    const now = JSON.stringify([found.length, places.map((each) => each.nodes.map((node) => [node.network_id, node.name, node.stale, each.key]))]);
    if (now === this.drawn) return;
    this.drawn = now;
    this.line.textContent = located
      ? `${located} of ${found.length} nodes have a location.`
      : "No node has a location. Nodes are located by address where the operator gave the server a location database.";
    this.table.hidden = !located;
    this.circles.replaceChildren(...places.map((each) => this.circle(each)));
    this.rows.replaceChildren(...places.map((each) => this.row(each)));
  }

  places(nodes) {
    const found = new Map();
    for (const node of nodes) {
      if (!node.location) continue;
      const { latitude, longitude, city } = node.location;
      const key = `${latitude.toFixed(1)} ${longitude.toFixed(1)} ${city}`;
      if (!found.has(key)) found.set(key, { key, latitude, longitude, city, nodes: [] });
      found.get(key).nodes.push(node);
    }
    return [...found.values()].sort((a, b) => b.nodes.length - a.nodes.length).slice(0, PLACES_MAX);
  }

  circle({ latitude, longitude, city, nodes }) {
    const label = `${city || "unnamed place"}: ${summary(nodes)}`;
    const mark = shape("circle", { cx: longitude, cy: -latitude, r: Math.min(8, 1.2 + Math.sqrt(nodes.length) * 0.6) });
    const link = shape("a", { href: this.hrefOf(nodes[0]), "aria-label": label }, shape("title", {}, label), mark);
    if (nodes.every((node) => node.stale)) link.setAttribute("class", "stale");
    return link;
  }

  row({ city, nodes }) {
    const names = element("td");
    nodes.slice(0, NAMES_SHOWN).forEach((node, number) => {
      if (number) names.append(", ");
      names.append(element("a", { href: this.hrefOf(node) }, node.name || "unnamed"));
    });
    if (nodes.length > NAMES_SHOWN) names.append(` and ${nodes.length - NAMES_SHOWN} more`);
    return element("tr", {}, element("td", {}, city || "unnamed place"), element("td", { class: "number" }, String(nodes.length)), names);
  }
}

function summary(nodes) {
  const names = nodes.slice(0, 5).map((node) => node.name || "unnamed").join(", ");
  return nodes.length > 5 ? `${names} and ${nodes.length - 5} more` : names;
}

function graticule() {
  const lines = shape("g", { "aria-hidden": "true" });
  for (let longitude = -150; longitude <= 150; longitude += 30) {
    lines.append(shape("line", { x1: longitude, x2: longitude, y1: -90, y2: 90, class: longitude ? "grid" : "grid zero" }));
    lines.append(shape("text", { x: longitude + 1, y: 88, class: longitude % 60 ? "minor" : "" }, degrees(longitude, "E", "W")));
  }
  for (let latitude = -60; latitude <= 60; latitude += 30) {
    lines.append(shape("line", { x1: -180, x2: 180, y1: -latitude, y2: -latitude, class: latitude ? "grid" : "grid zero" }));
    lines.append(shape("text", { x: -179, y: -latitude - 1 }, degrees(latitude, "N", "S")));
  }
  return lines;
}

function degrees(value, above, below) {
  return value ? `${Math.abs(value)}° ${value > 0 ? above : below}` : "0°";
}
