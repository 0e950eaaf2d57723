// Blocks as nodes: texts, buttons, fields. Everything said is set as text, never as HTML: what a bot sends stays what it is.

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const MARKS = /(```[\s\S]+?```|`[^`\n]+`|(?<!\w)\*[^*\n]+\*(?!\w)|(?<!\w)_[^_\n]+_(?!\w)|(?<!\w)~[^~\n]+~(?!\w))/;
const TAGS = { "```": "pre", "`": "code", "*": "b", "_": "i", "~": "s" };

// Bold, italic, struck and code, as Slack shows them; the pieces are still set as text.
function marked(text) {
  return text.split(MARKS).map((piece) => {
    const found = /^(```|[`*_~])([\s\S]+)\1$/.exec(piece);
    if (!found) return document.createTextNode(piece);
    return make(TAGS[found[1]], {}, ...(found[1].startsWith("`") ? [found[2]] : marked(found[2])));
  });
}

export const words = ([text, isMarked], kind) =>
  make("div", { className: `text ${kind}`, dir: "auto" }, ...(isMarked ? marked(text) : [text]));

// What one may do on a surface is done by `act(what, {where, name, …})`; `where` is a message's ts, `modal` or `home`.
export class Controls {
  constructor(act, ask) {
    this.act = act;
    this.ask = ask;
  }

  block(drawn, where) {
    if (drawn.type === "divider") return make("hr");
    if (drawn.type === "image") return words([`[picture: ${drawn.image ?? ""}]`, false], "context");
    const controls = drawn.elements.map((element) => this.control(element, where));
    const wrong = drawn.error ? make("div", { className: "wrong", role: "alert", textContent: drawn.error }) : null;
    if (drawn.label !== null && drawn.label !== undefined) {
      const label = make("span", { className: "label", dir: "auto" }, drawn.label, drawn.optional ? make("small", {}, " (optional)") : null);
      const hint = drawn.hint ? make("small", { className: "hint", textContent: drawn.hint }) : null;
      // A label hands each click to the first control in it, which is wrong where there are several.
      const several = /checkboxes|radio|external/.test(drawn.elements[0]?.type);
      return make(several ? "div" : "label", { className: "field", ...(several ? { role: "group", "aria-label": drawn.label } : {}) }, label, ...controls, hint, wrong);
    }
    const texts = drawn.texts.map((text) => words(text, drawn.type));
    const fields = drawn.fields.length ? make("div", { className: "fields" }, ...drawn.fields.map((text) => words(text, "one-field"))) : null;
    return make("div", { className: `block block-${drawn.type}` }, make("div", { className: "texts" }, ...texts, fields), make("div", { className: "controls" }, ...controls), wrong);
  }

  control(element, where) {
    if (element.type === "button") return this.button(element, where);
    if (element.type === "overflow") return this.overflow(element, where);
    if (element.type.includes("external")) return this.searching(element, where);
    if (element.type === "checkboxes" || element.type === "radio_buttons") return this.choices(element, where);
    if (element.type.endsWith("static_select")) return this.selection(element, where);
    const types = { number_input: "number", email_text_input: "email", url_text_input: "url", datepicker: "date", timepicker: "time" };
    return make(element.multiline ? "textarea" : "input", {
      ...(element.multiline ? { rows: 4 } : { type: types[element.type] || "text" }),
      value: element.value ?? "", placeholder: element.placeholder, "data-place": element.id,
      onchange: (event) => this.choose(element, where, event.target.value),
    });
  }

  choose(element, where, value) {
    return this.act("choose", { where, name: element.id, value });
  }

  button(element, where) {
    return make("button", {
      type: "button", className: element.style || "", textContent: element.text, "data-place": element.id,
      onclick: async () => {
        if (!element.confirm || await this.ask(element.confirm, element.style)) this.act("click", { where, name: element.id });
      },
    });
  }

  overflow(element, where) {
    const select = make("select", { className: "overflow", "aria-label": "More", "data-place": element.id }, make("option", { value: "", textContent: "⋯" }),
      ...element.options.map(([value, text]) => make("option", { value, textContent: text })));
    select.addEventListener("change", () => this.choose(element, where, select.value));
    return select;
  }

  selection(element, where) {
    const many = element.type.startsWith("multi_");
    const chosen = picked(element).map((one) => one[0]);
    const select = make("select", { multiple: many, "data-place": element.id });
    if (!many) select.append(make("option", { value: "", textContent: element.placeholder || "Choose" }));
    for (const [value, text] of element.options) select.append(make("option", { value, textContent: text, selected: chosen.includes(value) }));
    select.addEventListener("change", () => {
      const values = [...select.selectedOptions].map((one) => one.value).filter(Boolean);
      this.choose(element, where, many ? values : values[0] ?? null);
    });
    return select;
  }

  choices(element, where) {
    const many = element.type === "checkboxes";
    const chosen = picked(element).map((one) => one[0]);
    const row = make("span", { className: "choices" });
    for (const [value, text] of element.options) {
      const box = make("input", { type: many ? "checkbox" : "radio", name: element.id, value, checked: chosen.includes(value) });
      box.addEventListener("change", () => {
        const values = [...row.querySelectorAll("input:checked")].map((one) => one.value);
        this.choose(element, where, many ? values : values[0]);
      });
      row.append(make("label", {}, box, " ", text));
    }
    return row;
  }

  // A field whose options the app is asked for while one types.
  searching(element, where) {
    const many = element.type.startsWith("multi_");
    let chosen = picked(element);
    const list = make("ul", { className: "found", role: "listbox", hidden: true });
    const chips = make("span", { className: "chips" });
    const input = make("input", {
      value: many ? "" : chosen[0]?.[1] ?? "", placeholder: element.placeholder || "Type to search", autocomplete: "off",
      role: "combobox", "data-place": element.id, "aria-expanded": "false",
    });
    const box = make("span", { className: "searching" }, chips, input, list);
    const show = (open) => { list.hidden = !open; input.setAttribute("aria-expanded", String(open)); };
    const send = () => {
      drawChips();
      this.choose(element, where, many ? chosen.map((one) => one[1]) : chosen[0]?.[1] ?? null);
    };
    const take = (text) => {
      chosen = many ? [...chosen.filter((one) => one[1] !== text), [text, text]] : [[text, text]];
      input.value = many ? "" : text;
      show(false);
      send();
    };
    const drawChips = () => chips.replaceChildren(...(many ? chosen : []).map((one) => make("button", {
      type: "button", className: "chip", textContent: `${one[1]} ✕`,
      onclick: (event) => { event.preventDefault(); chosen = chosen.filter((other) => other !== one); send(); },
    })));
    let asked = 0;
    const search = async () => {
      const mine = ++asked;
      if (input.value.length < element.least) { show(false); return; }
      const found = await this.act("search", { where, name: element.id, value: input.value });
      if (mine !== asked || !input.isConnected) return;
      const options = (found || []).map((text) => make("li", { role: "option", textContent: text, dir: "auto",
        // The field is not left by it: what it holds would count as typed.
        onmousedown: (event) => event.preventDefault(), onclick: () => take(text) }));
      list.replaceChildren(...(options.length ? options : [make("li", { className: "none", textContent: "Nothing found" })]));
      show(document.activeElement === input);
    };
    input.addEventListener("focus", () => { input.select(); search(); });
    input.addEventListener("input", search);
    input.addEventListener("keydown", (event) => {
      const options = [...list.querySelectorAll("[role=option]")];
      const at = options.findIndex((one) => one.ariaSelected === "true");
      if (event.key === "Enter") {
        event.preventDefault();
        const one = options[at] ?? options[0];
        if (one && !list.hidden) take(one.textContent);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        show(false);
      } else if (event.key.startsWith("Arrow") && options.length) {
        event.preventDefault();
        const next = (at + (event.key === "ArrowUp" ? -1 : 1) + options.length) % options.length;
        options.forEach((one, place) => { one.ariaSelected = String(place === next); });
        options[next].scrollIntoView({ block: "nearest" });
      }
    });
    input.addEventListener("blur", () => {
      asked += 1;
      show(false);
      if (many) return;
      if (input.value === "" && chosen.length) { chosen = []; send(); }
      // Only what was offered can be chosen: what was typed and not chosen is no value.
      else input.value = chosen[0]?.[1] ?? "";
    });
    drawChips();
    return box;
  }
}

function picked(element) {
  if (element.value === null || element.value === undefined) return [];
  return element.value.length && Array.isArray(element.value[0]) ? element.value : element.value.length ? [element.value] : [];
}
