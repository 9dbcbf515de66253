// What every page needs: elements without HTML, JSON over HTTP, sockets, labels. Text of nodes is only ever text.

const PREFIX = location.pathname.startsWith("/telemetry/") ? "/telemetry" : "";

/** An element; children are elements or text. Attributes with a false value are left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** The same for SVG. */
export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A JSON answer; throws with a sentence for people. Parameters without a value are left out. */
export async function getJSON(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  let answer;
  try {
    answer = await fetch(PREFIX + path + (query ? `?${query}` : ""), { headers: { accept: "application/json" } });
  } catch {
    throw new Error("The server does not answer. Is it running?");
  }
  if (!answer.ok) {
    const failure = new Error(`The server answers ${answer.status} to ${path}.`);
    failure.status = answer.status;
    throw failure;
  }
  return answer.json();
}

/** A websocket of this server, wss where the page came by https. */
export function openSocket(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}${PREFIX}${path}`);
}

/** Server-sent events of this server. */
export function openEvents(path, parameters = {}) {
  return new EventSource(`${PREFIX}${path}?${new URLSearchParams(parameters)}`);
}

/** `name (first6...last6)`; nodes may have neither name nor peer id. */
export function nodeLabel(node) {
  const peer = node.peer_id ?? "";
  const short = peer.length > 15 ? `${peer.slice(0, 6)}...${peer.slice(-6)}` : peer || "no peer id";
  return `${node.name ?? "unnamed"} (${short})`;
}

/** A zone-less UTC text of the server as milliseconds since 1970. */
export function milliseconds(text) {
  return Date.parse(`${text}Z`);
}

/** Milliseconds since 1970 as the zone-less UTC text that the server reads. */
export function utcText(ms) {
  return new Date(ms).toISOString().slice(0, -1);
}

/** Says in the page's status line what went on; a failure in red. */
export function say(text, isBad = false) {
  const line = document.getElementById("status");
  line.textContent = text;
  line.className = isBad ? "bad" : "faint";
}
