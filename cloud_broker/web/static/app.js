// What every page shares: the request token, the clock, sayings, the connection banner, rows and keys.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const token = $("meta[name=csrf-token]").content;

// --- server time: the page counts in the cloud's time, not in the PC's --------------------------------------

const clockOffsetMs = Date.parse($("meta[name=server-now]").content) - Date.now();
const serverNow = () => Date.now() + clockOffsetMs;
const shanghai = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit" });

const minutesAndSeconds = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

function tick() {
  const now = serverNow();
  const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  $$("[data-clock]").forEach((element) => setText(element, shanghai.format(now)));
  $$("[data-since]").forEach((element) => setText(element, minutesAndSeconds((now - Date.parse(element.dataset.since)) / 1000)));
  $$("[data-due]").forEach((element) => {
    const leftMs = Date.parse(element.dataset.due) - now;
    element.classList.toggle("due-late", leftMs < 0);
    element.classList.toggle("due-soon", leftMs >= 0 && leftMs < 15 * 60_000);
  });
}

// --- sayings ------------------------------------------------------------------------------------------------

const SAYING_MS = 4000;

function say(text) {
  const saying = document.createElement("p");
  saying.textContent = text;
  $("#said").append(saying);
  setTimeout(() => saying.remove(), SAYING_MS);
}

document.addEventListener("said", (event) => say(event.detail.text));

// --- requests -----------------------------------------------------------------------------------------------

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRF-Token"] = token;
});

// --- rows: j k or the arrows move, Enter opens --------------------------------------------------------------

function moveRow(step) {
  const rows = $$("[data-row]");
  const at = rows.indexOf(document.activeElement.closest("[data-row]"));
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  } else if (at >= 0) {
    $(step > 0 ? "[data-page-next]" : "[data-page-first]")?.click();
  }
}

document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  if (row && !event.target.closest("a, button, input, .player") && !getSelection().toString()) location.href = row.dataset.href;
  const menu = $("details.menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
  const theme = event.target.closest("[data-theme]");
  if (theme) chooseTheme(theme.dataset.theme);
  if (event.target.closest("[data-help]")) openKeys();
});

function chooseTheme(choice) {
  document.cookie = `theme=${choice}; path=/; max-age=31536000; samesite=lax`;
  const root = document.documentElement;
  root.dataset.themeChoice = choice;
  root.dataset.bsTheme = choice === "auto" ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : choice;
  markTheme();
}

const markTheme = () => $$("[data-theme]").forEach((button) =>
  button.setAttribute("aria-pressed", String(button.dataset.theme === document.documentElement.dataset.themeChoice)));

function openKeys() {
  const menu = $("details.menu[open]");
  if (menu) menu.open = false;
  $("#keys").showModal();
}

// --- keys ---------------------------------------------------------------------------------------------------

const typing = (element) => element.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=range]), [contenteditable]");

// A page adds its own keys here: key → function(event); a function that returns false leaves the key alone.
const keys = new Map([
  ["j", () => moveRow(1)],
  ["k", () => moveRow(-1)],
  ["/", () => ($("[data-search]") ?? $("[data-global-search]")).select()],
  ["?", openKeys],
  ["g", () => { pendingGo = true; setTimeout(() => { pendingGo = false; }, 1500); }],
  ["enter", () => {
    const row = document.activeElement.matches("[data-row]") && document.activeElement;
    if (!row) return false;
    location.href = row.dataset.href;
  }],
]);
let pendingGo = false;

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.altKey || $("dialog[open]")) return;
  if (event.key === "Escape" && typing(document.activeElement)) {
    document.activeElement.blur();
    return;
  }
  const key = event.key.toLowerCase();
  const chord = event.ctrlKey || event.metaKey ? `ctrl+${key}` : key;
  if (!chord.startsWith("ctrl+") && typing(event.target)) return;
  if (pendingGo && /^[1-9]$/.test(key)) {
    const link = $(`[data-go="${key}"]`);
    if (link) location.href = link.href;
    return;
  }
  const act = keys.get(chord);
  if (act && act(event) !== false) event.preventDefault();
});

window.cloudseat = { $, $$, keys, say, serverNow, minutesAndSeconds, shanghai, token };
markTheme();
tick();
setInterval(tick, 500);
document.addEventListener("htmx:after:swap", tick);

// --- on every page but the desk's: the phone rings ----------------------------------------------------------

const quietTitle = document.title;
document.addEventListener("htmx:after:swap", () => {
  if (!$("#ringing")) return;
  const ringing = $("[data-ringing]");
  document.title = ringing ? `☎ ${ringing.dataset.ringing}` : quietTitle;
});
