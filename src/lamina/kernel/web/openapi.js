"use strict";

const SHOWN_CHARACTERS_MAX = 200_000;

function requestOf(form) {
  const query = new URLSearchParams();
  const request = { method: form.dataset.method, headers: {} };
  let path = form.dataset.path;
  for (const field of form.querySelectorAll("[data-in]")) {
    if (field.dataset.in === "body") {
      request.body = field.value;
      request.headers["Content-Type"] = field.dataset.type;
    } else if (field.dataset.in === "path") {
      path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    } else if (field.value !== "") {
      query.append(field.name, field.value);
    }
  }
  return [query.size ? `${path}?${query}` : path, request];
}

// Numbers and escapes stay as they were sent: hashes depend on them, and JSON.parse would lose digits.
function indented(json) {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return json.replace(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (token) => {
    if (/^\s/.test(token)) return "";
    if (token === "{" || token === "[") { depth += 1; return token + line(); }
    if (token === "}" || token === "]") { depth -= 1; return line() + token; }
    if (token === ",") return token + line();
    return token === ":" ? ": " : token;
  });
}

function shown(text, type) {
  const whole = text.length <= SHOWN_CHARACTERS_MAX;
  const cut = whole ? text : text.slice(0, SHOWN_CHARACTERS_MAX);
  return (whole && type.startsWith("application/json") ? indented(cut) : cut) + (whole ? "" : "\n…");
}

function line(tag, text, name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
}

async function send(form, into) {
  const [url, request] = requestOf(form);
  const asked = line("p", `${request.method} ${location.origin}${url}`);
  const started = performance.now();
  try {
    const answer = await fetch(url, request);
    const body = await answer.text();
    const words = `${answer.status} ${answer.statusText}, ${Math.round(performance.now() - started)} ms`;
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    const pre = line("pre", shown(body, answer.headers.get("Content-Type") ?? ""));
    pre.tabIndex = 0;
    into.replaceChildren(asked, line("p", words, `status s${Math.trunc(answer.status / 100)}`), line("pre", headers), pre);
  } catch (failure) {
    into.replaceChildren(asked, line("p", `No answer: ${failure.message}`, "status"));
  }
}

for (const form of document.querySelectorAll("form[data-method]")) {
  const button = form.querySelector("button");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await send(form, form.parentElement.querySelector(".answer"));
    button.disabled = false;
  });
}

function storedTheme(theme) {
  try {
    if (theme) localStorage.setItem("theme", theme);
    return localStorage.getItem("theme");
  } catch {
    return theme;
  }
}

const root = document.documentElement;
const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const remembered = storedTheme();
if (remembered) root.dataset.theme = remembered;
const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  storedTheme(root.dataset.theme);
});

if (!matchMedia("(min-width: 60rem)").matches) document.querySelector("nav details").open = false;
