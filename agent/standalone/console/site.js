// The menu on small screens, and forms that ask for a change.
import { act, leave, say, sayWhatWasLeft, sure } from "./act.js";

document.documentElement.classList.add("scripted");
sayWhatWasLeft();

const button = document.getElementById("menu-button");
button.addEventListener("click", () => {
  const open = document.getElementById("menu").classList.toggle("open");
  button.setAttribute("aria-expanded", String(open));
});

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function valuesOf(form) {
  const values = Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string"));
  for (const box of form.querySelectorAll('input[type="checkbox"][name]')) values[box.name] = box.checked ? "1" : "0";
  for (const one of form.querySelectorAll("input[data-base64]")) values[one.name] = base64(one.value);
  return values;
}

function showError(form, answer) {
  for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
  let place = form.querySelector(".form-error");
  if (!place) {
    place = document.createElement("p");
    place.className = "form-error";
    place.setAttribute("role", "alert");
    const buttons = form.querySelector(".buttons");
    if (buttons) buttons.before(place);
    else form.append(place);
  }
  const input = answer.field ? form.elements.namedItem(answer.field) : null;
  const label = input?.closest?.("label")?.querySelector(".label")?.textContent.replace(/ \*$/, "");
  place.textContent = (label ? `${label}: ` : "") + answer.sentence;
  if (document.documentElement.lang === "en" && answer.err_msg !== answer.sentence) {
    const document_ = document.createElement("span");
    document_.className = "document";
    document_.lang = "zh";
    document_.textContent = `${answer.err_code} ${answer.err_msg}`;
    place.append(document_);
  }
  if (input instanceof HTMLElement) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.do) return;
  event.preventDefault();
  if (form.dataset.sure && !(await sure(form.dataset.sure))) return;
  const buttons = [...form.querySelectorAll("button")];
  for (const one of buttons) one.disabled = true;
  const answer = await act(form.dataset.do, valuesOf(form));
  for (const one of buttons) one.disabled = false;
  if (answer.err_code !== 0) {
    showError(form, answer);
    return;
  }
  form.querySelector(".form-error")?.remove();
  const done = new CustomEvent("done", { detail: answer, bubbles: true, cancelable: true });
  if (!form.dispatchEvent(done)) return;
  const told = answer.agent ?? { done: true, sentence: answer.sentence };
  leave(form.dataset.after, told.sentence, !told.done);
});

// Over plain HTTP browsers give no clipboard: then the text is selected, and the older command copies it.
function copy(place, said) {
  getSelection().selectAllChildren(place);
  if (document.execCommand("copy")) say(said);
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.opens).showModal();
    return;
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
  const shower = event.target.closest("[data-shows]");
  if (shower) {
    const input = shower.parentElement.querySelector("input");
    input.type = input.type === "password" ? "text" : "password";
  }
  const copier = event.target.closest("[data-copies]");
  if (copier) copy(document.getElementById(copier.dataset.copies), copier.dataset.said);
});
