// Says at a form why it was not sent, and leaves what was typed in it alone.
"use strict";

(() => {
  const REASONS = {
    403: "this page is too old. Load it again, then send it anew.",
    404: "what it belongs to is no longer there.",
    413: "it is too large.",
    429: "too much was sent at once. Wait a minute, then try again.",
  };
  const BROKEN = "the site has a fault just now. Try again in a while.";
  const AWAY = "the site cannot be reached. Try again in a while.";
  const SIGNED_OUT = "you are signed out now.";
  const TOKEN = "input[name=csrfmiddlewaretoken]";
  const renewed = new WeakSet(); // what is sent a second time, with a new token
  const SLOW = "the site took too long to answer. Try again.";

  function reason(xhr) {
    const kind = xhr.getResponseHeader("Content-Type") || "";
    if (kind.startsWith("text/plain") && xhr.responseText.length < 200) {
      return xhr.responseText;
    }
    return REASONS[xhr.status] || BROKEN;
  }

  function line(element, target) {
    const said = element.querySelector(".failure");
    if (said) return said;
    const added = document.createElement("p");
    added.className = "failure";
    added.setAttribute("role", "alert");
    if (element === target) target.replaceChildren(added);
    else (element.querySelector(".buttons") || element.lastChild).before(added);
    return added;
  }

  function say(event, words) {
    const { elt, target } = event.detail;
    const form = elt.closest("form");
    if (form) {
      const what = elt === form ? "Not sent" : "Not shown";
      const kept = form.querySelector("textarea") ? " Your text is still here." : "";
      line(form, null).textContent = `${what}: ${words}${kept}`;
    } else if (elt.matches("a[hx-get]")) {
      line(target, target).textContent = `Not opened: ${words}`;
    } // anything else looks again by itself
  }

  // A sign-in in another tab changes the token, and the server refuses the old one. A
  // text goes out under the name it was written under: the same member gets the new
  // token, and what was refused is sent once more; anybody else is told who is here now.
  async function renew(event) {
    const { elt, xhr } = event.detail;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer) return say(event, AWAY);
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    const { member, handle } = now.body.dataset;
    const token = now.querySelector(`${TOKEN}[value]`)?.value;
    if (member === undefined) return say(event, reason(xhr));
    if (member !== document.body.dataset.member) {
      return say(event, handle ? `you are signed in as @${handle} now.` : SIGNED_OUT);
    }
    if (!token || !elt.isConnected) return say(event, reason(xhr));
    document.querySelectorAll(TOKEN).forEach((field) => { field.value = token; });
    renewed.add(elt);
    htmx.trigger(elt, elt.matches("form") ? "submit" : "click");
  }

  document.addEventListener("htmx:responseError", (event) => {
    const { elt, xhr } = event.detail;
    const isAgain = renewed.has(elt);
    if (xhr.status === 403 && elt.closest("form") && !isAgain) renew(event);
    else say(event, reason(xhr));
  });
  document.addEventListener("htmx:sendError", (event) => say(event, AWAY));
  document.addEventListener("htmx:timeout", (event) => say(event, SLOW));

  document.addEventListener("htmx:afterRequest", (event) => renewed.delete(event.detail.elt));

  document.addEventListener("htmx:beforeRequest", (event) => {
    event.target.closest("form")?.querySelector(".failure")?.remove();
  });
})();
