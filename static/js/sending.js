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
  const SLOW = "the site took too long to answer. Try again.";

  // A sign-in in another tab changes the token; the cookie holds the one of now.
  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.detail.formData;
    const cookie = /(?:^|; )(?:__Host-)?csrf=([^;]+)/.exec(document.cookie);
    if (cookie && form.has("csrfmiddlewaretoken")) {
      form.set("csrfmiddlewaretoken", cookie[1]);
    }
  });

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

  document.addEventListener("htmx:responseError", (event) => say(event, reason(event.detail.xhr)));
  document.addEventListener("htmx:sendError", (event) => say(event, AWAY));
  document.addEventListener("htmx:timeout", (event) => say(event, SLOW));

  document.addEventListener("htmx:beforeRequest", (event) => {
    event.target.closest("form")?.querySelector(".failure")?.remove();
  });
})();
