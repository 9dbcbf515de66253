// What every page needs: elements without HTML, JSON over HTTP, sockets, the status line.

/** Where the service begins, whatever prefix a proxy puts before it; ends with a slash. */
export const ROOT = location.pathname.replace(/\/{2,}/g, "/").replace(/^(.*\/)dashboard\/.*$/, "$1");

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

/** A place that scrolls by itself; keyboards reach it, readers hear what it is. */
export function scrolling(label, ...children) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, ...children);
}

/** A JSON answer; throws with a sentence for people. Parameters without a value are left out. */
export async function getJSON(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  let answer;
  try {
    answer = await fetch(ROOT + path.slice(1) + (query ? `?${query}` : ""), { headers: { accept: "application/json" } });
  } catch {
    throw new Error("The server does not answer. Is it running, and is this machine connected to it?");
  }
  if (answer.ok) return answer.json();
  const failure = new Error(`The server answers ${answer.status} to ${path}${answer.status >= 500 ? "; its log says why" : ""}.`);
  failure.status = answer.status;
  throw failure;
}

/** A websocket of this server, wss where the page came by https. */
export function openSocket(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}${ROOT}${path.slice(1)}`);
}

/** Server-sent events of this server. */
export function openEvents(path, parameters = {}) {
  return new EventSource(`${ROOT}${path.slice(1)}?${new URLSearchParams(parameters)}`);
}

/** Where nodes connect to, as seen from here. */
export function intakeAddress() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}${ROOT}`;
}

/** Says in the page's status line what went on, a failure in red; `again` is what a visitor may have done once more. */
export function say(text, isBad = false, again = null) {
  const line = document.getElementById("status");
  line.replaceChildren(text);
  line.className = isBad ? "bad" : "faint";
  if (again) line.append(" ", element("button", { type: "button", onclick: again }, "Try again"));
}

/** Does some work and says its failure, which a visitor may have tried again. */
export async function attempt(work) {
  try {
    await work();
  } catch (failure) {
    say(failure.message, true, () => attempt(work));
  }
}
