// The page of the local Slack. Everything said is set as text, never as HTML: what a bot sends stays what it is.
"use strict";
const at = (id) => document.getElementById(id);
const now = { as: "", channel: "", thread: null, home: false, seen: -1, modal: "" };

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

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
  at("notice").textContent = answer.error || "";
  await show();
  return answer.found;
}

function confirmed(element) {
  return !element.confirm || window.confirm(element.confirm.join("\n\n"));
}

function selection(element, where) {
  const many = element.type.startsWith("multi_");
  const chosen = (many ? element.value || [] : [element.value]).filter(Boolean).map((one) => Array.isArray(one) ? one[0] : one);
  const select = make("select", { multiple: many, "aria-label": element.placeholder || element.id });
  if (!many) select.append(make("option", { value: "", textContent: element.placeholder || "Choose" }));
  for (const [value, text] of element.options) select.append(make("option", { value, textContent: text, selected: chosen.includes(value) }));
  select.addEventListener("change", () => {
    const values = [...select.selectedOptions].map((one) => one.value).filter(Boolean);
    act("choose", { where, name: element.id, value: many ? values : values[0] ?? null });
  });
  return select;
}

function searching(element, where) {
  const shown = Array.isArray(element.value) ? element.value[1] ?? "" : "";
  const list = make("datalist", { id: `list-${element.id}` });
  const input = make("input", { value: shown, placeholder: element.placeholder || "Search", "aria-label": element.id });
  input.setAttribute("list", list.id);
  input.addEventListener("input", async () => {
    if ([...list.children].some((one) => one.value === input.value)) {
      await act("choose", { where, name: element.id, value: input.value });
      return;
    }
    const typed = input.value;
    const response = await fetch(`page/act?${query()}`, {
      method: "POST", body: JSON.stringify({ what: "search", where, name: element.id, value: typed }),
    });
    const found = (await response.json()).found || [];
    if (typed === input.value) list.replaceChildren(...found.map((value) => make("option", { value })));
  });
  return make("span", {}, input, list);
}

function choices(element, where) {
  const many = element.type === "checkboxes";
  const chosen = (many ? element.value || [] : [element.value]).filter(Boolean).map((one) => one[0]);
  const boxes = element.options.map(([value, text]) => {
    const box = make("input", { type: many ? "checkbox" : "radio", name: element.id, value, checked: chosen.includes(value) });
    box.addEventListener("change", () => {
      const values = [...row.querySelectorAll("input:checked")].map((one) => one.value);
      act("choose", { where, name: element.id, value: many ? values : values[0] });
    });
    return make("label", {}, box, ` ${text} `);
  });
  const row = make("span", {}, ...boxes);
  return row;
}

function control(element, where) {
  if (element.type === "button") {
    return make("button", {
      type: "button", className: element.style || "", textContent: element.text,
      onclick: () => confirmed(element) && act("click", { where, name: element.id }),
    });
  }
  if (element.type.includes("external")) return searching(element, where);
  if (element.type === "checkboxes" || element.type === "radio_buttons") return choices(element, where);
  if (element.options.length) return selection(element, where);
  const types = { number_input: "number", email_text_input: "email", url_text_input: "url", datepicker: "date", timepicker: "time" };
  return make(element.multiline ? "textarea" : "input", {
    ...(element.multiline ? {} : { type: types[element.type] || "text" }),
    value: element.value ?? "", placeholder: element.placeholder, "aria-label": element.id,
    onchange: (event) => act("choose", { where, name: element.id, value: event.target.value }),
  });
}

// Bold and code, as Slack shows them; the pieces are still set as text.
function marked(text) {
  return text.split(/(```[\s\S]+?```|`[^`\n]+`|\*[^*\n]+\*)/).map((piece) => {
    const fence = /^(```|`|\*)([\s\S]+)\1$/.exec(piece);
    if (!fence) return document.createTextNode(piece);
    return make(fence[1] === "*" ? "b" : "code", { textContent: fence[2], className: fence[1] === "```" ? "fence" : "" });
  });
}

function block(drawn, where) {
  if (drawn.type === "divider") return make("hr");
  const texts = drawn.texts.map(([text, isMarked]) => make("div", { className: `text ${drawn.type}` }, ...(isMarked ? marked(text) : [text])));
  const controls = drawn.elements.map((element) => control(element, where));
  const wrong = drawn.error ? make("div", { className: "wrong", textContent: drawn.error }) : null;
  if (drawn.label === null || drawn.label === undefined) return make("div", {}, ...texts, ...controls, wrong);
  const label = drawn.label + (drawn.optional ? " (optional)" : "");
  const hint = drawn.hint ? make("small", { textContent: drawn.hint }) : null;
  return make("label", { className: "field" }, label, ...controls, hint, wrong);
}

function message(drawn, shortcuts) {
  const notes = [drawn.alone ? "only visible to you" : "", drawn.edited ? "edited" : ""].filter(Boolean).join(", ");
  const time = new Date(drawn.at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const head = make("div", { className: "head" }, `${drawn.author}${drawn.bot ? " ⬡" : ""} `, make("small", { textContent: `${time} ${notes}` }));
  if (!drawn.thread && !drawn.alone) head.append(" ", make("button", {
    type: "button", className: "small", textContent: "Reply", onclick: () => { now.thread = drawn.ts; writing(); at("line").focus(); },
  }));
  if (!drawn.alone) for (const name of shortcuts) head.append(make("button", {
    type: "button", className: "small", textContent: name, onclick: () => act("shortcut", { where: drawn.ts, name }),
  }));
  const files = drawn.files.map((file) => make("a", {
    href: `page/file/${encodeURIComponent(file.id)}?${query()}`, target: "_blank", textContent: `File: ${file.title} (${file.size} bytes)`,
  }));
  return make("article", { className: `${drawn.thread ? "reply" : ""} ${drawn.alone ? "alone" : ""}` }, head,
    drawn.text ? make("div", { className: "text" }, ...marked(drawn.text)) : null,
    ...drawn.blocks.map((one) => block(one, drawn.ts)), ...files);
}

function inThreads(messages) {
  const roots = messages.filter((one) => !one.thread);
  return roots.flatMap((root) => [root, ...messages.filter((one) => one.thread === root.ts)]);
}

function writing() {
  at("thread").textContent = now.thread ? "in the thread" : "";
  at("writing").hidden = now.home;
}

function showModal(drawn) {
  const dialog = at("modal");
  // What is being typed must not be drawn over: values alone are no reason to draw the form again.
  const same = JSON.stringify(drawn, (name, value) => (name === "value" ? undefined : value));
  if (same === now.modal) return;
  now.modal = same;
  if (!drawn) { dialog.close(); return; }
  const close = make("button", { type: "button", textContent: drawn.close || "Cancel", onclick: () => act("close") });
  const send = drawn.submit ? make("button", { type: "button", className: "primary", textContent: drawn.submit, onclick: () => act("submit") }) : null;
  at("modal-body").replaceChildren(make("h2", { textContent: drawn.title }), ...drawn.blocks.map((one) => block(one, "modal")), close, send);
  if (!dialog.open) dialog.showModal();
}

function draw(state) {
  now.as = state.me;
  now.seen = state.seen;
  now.channel = state.here;
  at("people").replaceChildren(...state.people.map((one) => make("option", { value: one.id, textContent: one.name, selected: one.id === state.me })));
  at("rooms").replaceChildren(...state.rooms.map((room) => make("li", {}, make("button", {
    type: "button", textContent: room.name, "aria-current": String(!now.home && room.id === state.here),
    onclick: () => { now.channel = room.id; now.home = false; now.thread = null; show(); },
  }))));
  const here = state.rooms.find((room) => room.id === state.here);
  at("title").textContent = now.home ? `${state.app}: Home` : here ? here.name : "";
  const shown = now.home
    ? (state.home ? state.home.blocks.map((one) => block(one, "home")) : [make("p", { textContent: "Nothing published yet." })])
    : inThreads(state.messages).map((one) => message(one, state.shortcuts));
  at("messages").replaceChildren(...shown);
  at("messages").scrollTop = at("messages").scrollHeight;
  if (state.notice) at("notice").textContent = state.notice;
  writing();
  showModal(state.modal);
}

async function show() {
  const response = await fetch(`page/state?${query()}`);
  draw(await response.json());
}

async function follow() {
  for (;;) {
    try {
      const response = await fetch(`page/state?${query({ seen: now.seen })}`);
      const state = await response.json();
      if (state && state.me === now.as && state.here === now.channel) draw(state);
    } catch {
      at("notice").textContent = "The local Slack does not answer.";
      await new Promise((again) => setTimeout(again, 2000));
    }
  }
}

at("people").addEventListener("change", (event) => { now.as = event.target.value; now.channel = ""; now.thread = null; show(); });
at("home-button").addEventListener("click", () => { now.home = true; act("home"); });
at("modal").addEventListener("cancel", (event) => { event.preventDefault(); act("close"); });
at("writing").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("line").value.trim();
  at("line").value = "";
  if (text) act("say", { text, thread: now.thread });
});
show().then(follow);
