// The page of the local Slack: what one of its people sees, and what they do, said to the server that plays them.
import { Controls, make, words } from "./controls.js";

const at = (id) => document.getElementById(id);
const now = { as: "", channel: "", thread: null, home: false, seen: -1, asked: 0 };
const read = {};
let last = null;

const query = (more = {}) => new URLSearchParams({ as: now.as, channel: now.channel, ...more });

let before = Promise.resolve();
function act(what, more = {}) {
  // One after the other: leaving a field by pressing Submit sends the field first.
  before = before.then(() => acted(what, more)).catch((error) => { at("notice").textContent = String(error); });
  return before;
}

async function acted(what, more) {
  const response = await fetch(`page/act?${query()}`, {
    method: "POST", body: JSON.stringify({ what, channel: now.channel, ...more }),
  });
  const answer = await response.json();
  if (what !== "search") {
    tell(answer.error || "");
    await show();
  }
  return answer.found;
}

function tell(text) {
  at("notice").textContent = text;
  at("modal").querySelector(".notice")?.replaceChildren(text);
}

// Slack's own question before a button that asks for one.
function ask(confirm, style) {
  const dialog = at("confirm");
  return new Promise((answer) => {
    const done = (yes) => { dialog.close(); dialog.oncancel = null; answer(yes); };
    dialog.oncancel = (event) => { event.preventDefault(); done(false); };
    dialog.replaceChildren(
      make("h2", { textContent: confirm.title, dir: "auto" }), words([confirm.text, true], "section"),
      make("footer", {},
        make("button", { type: "button", textContent: confirm.deny || "Cancel", onclick: () => done(false) }),
        make("button", { type: "button", className: style || "primary", textContent: confirm.confirm || "Yes", onclick: () => done(true) })));
    dialog.showModal();
  });
}

const controls = new Controls(act, ask);

// Draw only what has changed: a list that is open, a field that is being filled in, must not be drawn over.
const drawn = new WeakMap();
function redraw(node, what, children) {
  const same = JSON.stringify(what);
  if (drawn.get(node) === same) return false;
  drawn.set(node, same);
  const place = node.contains(document.activeElement) ? document.activeElement.dataset.place : null;
  node.replaceChildren(...children().flat().filter(Boolean));
  if (place) [...node.querySelectorAll("[data-place]")].find((one) => one.dataset.place === place)?.focus();
  return true;
}

const small = (text, onclick, more = {}) => make("button", { type: "button", className: "small", textContent: text, onclick, ...more });
const colour = (name) => `tint-${[...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 5}`;
const face = (name, bot) => make("span", { className: `face ${bot ? "bot" : colour(name)}`, "aria-hidden": "true", textContent: bot ? "k8" : name.slice(0, 1).toUpperCase() });

function message(one, state, inThread) {
  const offered = one.alone ? [] : [
    ...(inThread ? [] : [small("Reply in thread", () => openThread(one.ts))]),
    ...state.shortcuts.map(([id, name]) => small(name, () => act("shortcut", { where: one.ts, name: id }))),
  ];
  const tools = offered.length ? make("details", { className: "tools" }, make("summary", { textContent: "⋯", "aria-label": "More" }), make("div", {}, ...offered)) : null;
  const head = make("div", { className: "head" }, make("b", { textContent: one.author }), one.bot ? make("small", { className: "app", textContent: "APP" }) : null,
    make("small", { textContent: one.time }), one.edited ? make("small", { textContent: "(edited)" }) : null, tools);
  const files = one.files.map((file) => make("a", {
    className: "file", href: `page/file/${encodeURIComponent(file.id)}?${query()}`, target: "_blank", rel: "noreferrer", dir: "auto",
  }, make("b", { textContent: file.title }), make("small", { textContent: `${file.size} bytes` })));
  const replies = inThread ? [] : state.messages.filter((other) => other.thread === one.ts && !other.alone);
  const link = replies.length ? make("button", {
    type: "button", className: "replies", textContent: `${replies.length} ${replies.length > 1 ? "replies" : "reply"}`, onclick: () => openThread(one.ts),
  }, make("small", { textContent: `last at ${replies.at(-1).time}` })) : null;
  return make("article", { className: one.alone ? "alone" : "", "data-ts": one.ts },
    one.alone ? make("div", { className: "only", textContent: "👁 Only visible to you" }) : null, face(one.author, one.bot),
    make("div", { className: "body" }, head, one.text ? words([one.text, true], "") : null,
      ...one.blocks.map((block) => controls.block(block, one.ts)), ...files, link));
}

const names = (state) => Object.fromEntries(state.people.map((one) => [one.id, one.name]));

function unread(state, person) {
  const seen = read[person.id] ??= {};
  return Object.entries(person.rang).reduce((sum, [room, count]) => sum + Math.max(0, count - (seen[room] ?? 0)), 0);
}

const badge = (count) => (count ? make("span", { className: "badge", textContent: count }) : null);

const called = (room) => (room.kind === "im" ? `@ ${room.name}` : room.name);

function drawNav(state) {
  const me = state.people.find((one) => one.id === state.me);
  const seen = read[state.me] ??= {};
  if (!now.home) seen[state.here] = me.rang[state.here] ?? 0;
  redraw(at("people"), [state.people, state.me, read], () => state.people.map((one) => make("button", {
    type: "button", "aria-label": one.name, "aria-pressed": String(one.id === state.me), onclick: () => become(one.id),
  }, face(one.name, false), make("span", { textContent: one.name }), badge(unread(state, one)))));
  const rooms = [...state.rooms.filter((room) => room.kind !== "im"), ...state.rooms.filter((room) => room.kind === "im")];
  redraw(at("rooms"), [state.rooms, state.here, now.home, state.me, me.rang, seen], () => [
    ...rooms.map((room) => make("li", {}, make("button", {
      type: "button", "aria-label": called(room), "aria-current": String(!now.home && room.id === state.here), onclick: () => go(room.id),
    }, called(room), badge(Math.max(0, (me.rang[room.id] ?? 0) - (seen[room.id] ?? 0)))))),
    make("li", {}, make("button", { id: "home-button", type: "button", textContent: "⌂ App Home", "aria-current": String(now.home), onclick: home })),
  ]);
  at("team").textContent = state.team;
  at("guide").hidden = !state.guide.length;
  redraw(at("steps"), state.guide, () => state.guide.map(([text, line]) => make("li", {}, text, line ? make("button", {
    type: "button", className: "line", title: "Put it in the message field", onclick: () => suggest(state, line),
    // A line that breaks within `--replicas` reads as something else.
  }, ...line.split(" ").flatMap((word) => [make("span", { textContent: word }), " "])) : null)));
}

async function suggest(state, line) {
  const room = state.rooms.find((one) => one.kind !== "im");
  if (room) await go(room.id);
  at("line").value = line;
  at("line").focus();
}

function follow(node, changed, fresh, ends = true) {
  // As Slack does: whoever reads further up stays there, whoever reads the end goes on reading the end.
  const { scrollTop } = node;
  const end = node.scrollHeight - scrollTop - node.clientHeight < 80;
  changed();
  node.scrollTop = ends && (end || fresh) ? node.scrollHeight : fresh ? 0 : scrollTop;
}

let shownRoom = "";
function drawMain(state) {
  const here = state.rooms.find((room) => room.id === state.here);
  at("title").textContent = now.home ? `${state.app} · Home` : here ? here.name : "";
  at("line").placeholder = `Message ${here ? here.name : ""}, or ${state.commands[0] ?? "/"} …`;
  at("writing").hidden = now.home;
  redraw(at("everywhere"), state.everywhere, () => state.everywhere.map(([id, name]) => small(`⚡ ${name}`, () => act("shortcut", { where: "", name: id }))));
  const room = now.home ? "home" : `${state.me} ${state.here}`;
  const shown = now.home ? ["home", state.home] : [room, state.messages];
  follow(at("messages"), () => redraw(at("messages"), shown, () => (now.home
    ? (state.home ? state.home.blocks.map((one) => controls.block(one, "home")) : [make("p", { textContent: "Nothing published yet." })])
    : state.messages.filter((one) => !one.thread || !state.messages.some((root) => root.ts === one.thread)).map((one) => message(one, state, false)))),
  room !== shownRoom, !now.home);
  shownRoom = room;
}

function drawThread(state) {
  const root = now.thread && state.messages.find((one) => one.ts === now.thread);
  at("thread").hidden = !root || now.home;
  document.body.classList.toggle("threaded", !at("thread").hidden);
  if (!root) { now.thread = null; return; }
  const replies = state.messages.filter((one) => one.thread === root.ts);
  const fresh = at("thread").dataset.ts !== root.ts;
  at("thread").dataset.ts = root.ts;
  follow(at("replies"), () => redraw(at("replies"), [state.me, root, replies], () => [message(root, state, true),
    make("div", { className: "count", textContent: replies.length === 1 ? "1 reply" : `${replies.length} replies` }),
    ...replies.map((one) => message(one, state, true))]), fresh);
}

function drawModal(view) {
  const dialog = at("modal");
  // Values alone are no reason to draw a form again: they are what is being typed.
  const what = view && JSON.parse(JSON.stringify(view, (name, value) => (name === "value" ? undefined : value)));
  if (!view) {
    drawn.delete(dialog);
    if (dialog.open) dialog.close();
    return;
  }
  const scrolled = dialog.querySelector(".scrolled")?.scrollTop ?? 0;
  const again = dialog.dataset.view === view.id;
  redraw(dialog, what, () => [
    make("header", {}, make("h2", { textContent: view.title, dir: "auto" }), make("button", { type: "button", textContent: "✕", "aria-label": "Close", onclick: () => act("close") })),
    make("div", { className: "scrolled" }, ...view.blocks.map((one) => controls.block(one, "modal"))),
    make("p", { className: "notice", role: "alert" }),
    make("footer", {}, make("button", { type: "button", textContent: view.close || "Cancel", onclick: () => act("close") }),
      view.submit ? make("button", { type: "button", className: "primary", textContent: view.submit, onclick: () => act("submit") }) : null),
  ]);
  dialog.dataset.view = view.id;
  if (again) dialog.querySelector(".scrolled").scrollTop = scrolled;
  if (!dialog.open) dialog.showModal();
}

function draw(state) {
  last = state;
  now.as = state.me;
  now.seen = state.seen;
  now.channel = state.here;
  document.title = `${names(state)[state.me]} · ${state.team}`;
  drawNav(state);
  drawMain(state);
  drawThread(state);
  drawModal(state.modal);
  if (state.notice !== (draw.notice ??= {})[state.me]) {
    draw.notice[state.me] = state.notice;
    tell(state.notice);
  }
}

async function show() {
  const asked = ++now.asked;
  const state = await (await fetch(`page/state?${query()}`)).json();
  // An answer that was overtaken would show what is over.
  if (asked === now.asked) draw(state);
}

async function listen() {
  for (;;) {
    try {
      const state = await (await fetch(`page/state?${query({ seen: now.seen })}`)).json();
      if (state && state.me === now.as && state.here === now.channel) draw(state);
      if (at("notice").dataset.away) { delete at("notice").dataset.away; tell(""); }
    } catch {
      at("notice").dataset.away = "yes";
      tell("The local Slack does not answer; it may have been ended.");
      await new Promise((again) => setTimeout(again, 2000));
    }
  }
}

const moved = (to) => { Object.assign(now, { thread: null, home: false, ...to }); tell(""); return show(); };
const become = (person) => moved({ as: person, home: now.home, channel: last?.rooms.find((room) => room.id === now.channel)?.kind === "im" ? "" : now.channel })
  .then(() => (now.home ? act("home") : null));
const go = (room) => moved({ channel: room });
const home = () => moved({ home: true }).then(() => act("home"));
function openThread(ts) { now.thread = ts; draw(last); at("reply").focus({ preventScroll: true }); }

at("thread-close").addEventListener("click", () => { now.thread = null; draw(last); });
at("modal").addEventListener("cancel", (event) => { event.preventDefault(); act("close"); });
function sends(form, field, more) {
  at(form).addEventListener("submit", (event) => {
    event.preventDefault();
    const text = at(field).value.trim();
    at(field).value = "";
    if (text) act("say", { text, ...more() });
  });
}
sends("writing", "line", () => ({}));
sends("replying", "reply", () => ({ thread: now.thread }));
if (window.matchMedia("(max-width: 700px)").matches) at("guide").open = false;
show().then(listen);
