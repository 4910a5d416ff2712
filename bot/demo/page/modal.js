// A dialog that the bot opened: text inputs, selects, radio buttons and checkboxes.
import { el } from "/page/file/markdown.js";

const CONTROLS = {
  3: (part) => choice(el("select", ""), part, (node) => [...node.selectedOptions].map((o) => o.value)),
  4: (part) => text(part),
  21: (part) => group(part, "radio", (checked) => checked[0] ?? null),
  22: (part) => group(part, "checkbox", (checked) => checked),
  23: (part) => {
    const node = Object.assign(el("input", ""), { type: "checkbox", checked: Boolean(part.default) });
    return { node, value: () => node.checked };
  },
};

function text(part) {
  const node = el(part.style === 2 ? "textarea" : "input", "");
  Object.assign(node, { value: part.value ?? "", placeholder: part.placeholder ?? "", required: part.required !== false });
  if (part.max_length) node.maxLength = part.max_length;
  if (part.min_length) node.minLength = part.min_length;
  return { node, value: () => node.value };
}

function choice(node, part, value) {
  node.multiple = (part.max_values ?? 1) > 1;
  node.append(...part.options.map((o) => Object.assign(el("option", "", o.label), { value: o.value, selected: Boolean(o.default) })));
  return { node, value: () => value(node) };
}

function group(part, type, value) {
  const inputs = part.options.map((o) => Object.assign(el("input", ""), { type, name: part.custom_id, value: o.value, checked: Boolean(o.default) }));
  const node = el("div", "choices", ...inputs.map((input, i) => el("label", "", input, ` ${part.options[i].label}`)));
  return { node, value: () => value(inputs.filter((input) => input.checked).map((input) => input.value)) };
}

export function openModal({ modal }, submit) {
  const dialog = document.getElementById("modal");
  const controls = new Map();
  const control = (part) => {
    const made = CONTROLS[part.type]?.(part);
    if (!made) return el("div", "hint", `(component ${part.type})`);
    controls.set(part.custom_id, made);
    return made.node;
  };
  const rows = modal.components.map((part) => {
    if (part.type === 10) return el("p", "", part.content);
    if (part.type === 18) return el("label", "", el("b", "", part.label), part.description ? el("small", "", part.description) : null, control(part.component));
    return el("label", "", ...part.components.flatMap((child) => [el("b", "", child.label ?? ""), control(child)]));
  });
  const cancel = Object.assign(el("button", "button secondary", "Cancel"), { type: "button", onclick: () => dialog.close() });
  const form = el("form", "", el("h3", "", modal.title), ...rows, el("div", "row", cancel, el("button", "button primary", "Submit")));
  form.onsubmit = (event) => {
    event.preventDefault();
    dialog.close();
    submit(Object.fromEntries([...controls].map(([id, made]) => [id, made.value()])));
  };
  dialog.replaceChildren(form);
  dialog.showModal();
}
