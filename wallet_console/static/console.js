// What pages gain by a script; they are whole without it: local times, dark or light, keys, a page Now that stays fresh.
"use strict";

const kept = {
  get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* a browser that keeps nothing */ } },
};

const two = (number) => String(number).padStart(2, "0");

function showTimes() {
  const isLocal = kept.get("zone") === "local";
  for (const element of document.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    element.textContent = isLocal
      ? `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
      : element.dateTime.slice(0, 19).replace("T", " ");
  }
  const button = document.getElementById("zone");
  if (button) {
    button.hidden = false;
    button.textContent = isLocal ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC";
    button.title = isLocal ? "Times are local: show UTC" : "Times are UTC: show local ones";
  }
}

function showTheme() {
  const theme = kept.get("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  if (button) button.hidden = false;
}

function isDark() {
  return (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

function keepFresh() {
  const live = document.getElementById("live");
  if (!live) return;
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh || live.contains(document.activeElement)) return;
      live.replaceChildren(...fresh.childNodes);
      showTimes();
    } catch { /* the wallet is away: what is shown stays, with its time */ }
  }, Number(live.dataset.everyMs));
}

const PLACES = { n: "/", p: "/players", t: "/transactions", w: "/withdrawals", s: "/sessions", a: "/approvals", e: "/events", f: "/finance", c: "/callers", l: "/ledgers", v: "/proof", r: "/trail" };
let isGoing = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (isGoing && PLACES[event.key]) location.assign(PLACES[event.key]);
  isGoing = event.key === "g";
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("q")?.select();
  }
  if (event.key === "]") document.querySelector("a[rel=next]")?.click();
});

// A second click on a form that is under way is none: the wallet would take it for a replay, and the person for an error.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});

addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

document.getElementById("zone")?.addEventListener("click", () => {
  kept.set("zone", kept.get("zone") === "local" ? "utc" : "local");
  showTimes();
});

document.getElementById("theme")?.addEventListener("click", () => {
  kept.set("theme", isDark() ? "light" : "dark");
  showTheme();
});

showTheme();
showTimes();
keepFresh();
