// Changes: one call of POST /console/do/<endpoint>, which answers as API v1 does.

const token = document.querySelector('meta[name="form-token"]').content;
const NOTICE = "gather-notice";

/**
 * Ask for a change. Returns API v1's envelope: `err_code` (0 = done), `err_msg` (the document's Chinese), and beside it
 * `sentence` in the page's language, `field` (the parameter at fault), and `agent` {done, sentence} where agents are
 * concerned. Without a session the page is loaded anew; a server that cannot be reached is `err_code` -1.
 */
export async function act(endpoint, values = {}) {
  let answer;
  try {
    answer = await fetch(`/console/do/${endpoint}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Form-Token": token },
      body: JSON.stringify(values),
      cache: "no-store",
    });
  } catch {
    const text = document.getElementById("disconnected").textContent;
    return { err_code: -1, err_msg: text, sentence: text, field: "" };
  }
  if (answer.status === 401) {
    location.reload();
    return new Promise(() => {});
  }
  return answer.json();
}

/** Show a sentence above the page; `bad` for one that is no success. */
export function say(sentence, bad = false) {
  const notice = document.getElementById("notice");
  notice.textContent = sentence;
  notice.classList.toggle("bad", bad);
  notice.hidden = !sentence;
}

/** Go to an address (or load this page anew) and say a sentence there. */
export function leave(address, sentence = "", bad = false) {
  if (sentence) sessionStorage.setItem(NOTICE, JSON.stringify({ sentence, bad }));
  if (address) location.assign(address);
  else location.reload();
}

/** Say what `leave` left to be said. */
export function sayWhatWasLeft() {
  const left = sessionStorage.getItem(NOTICE);
  if (!left) return;
  sessionStorage.removeItem(NOTICE);
  const { sentence, bad } = JSON.parse(left);
  say(sentence, bad);
}

/** Ask a question with yes and no; whether the answer was yes. */
export function sure(question) {
  const dialog = document.getElementById("sure");
  dialog.querySelector("p").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
