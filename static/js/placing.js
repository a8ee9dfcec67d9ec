// Puts a new post where it will stand after a reload, and moves the focus along.
//
// Each entry of a topic carries its path in the tree; paths in order are posts in order.
// The answer brings the path of the new post, and an address for a page that does not
// show its place.
"use strict";

(() => {
  const entries = () => [...document.querySelectorAll("#posts > .entry")];
  const pathOf = (xhr) => xhr.getResponseHeader("Forllm-Path");

  function isShownHere(path) {
    const paths = entries().map((entry) => entry.dataset.path);
    const hasLater = document.querySelector(".pages [rel=next]") !== null;
    return paths[0] < path && (!hasLater || path < paths.at(-1));
  }

  // The reply to an ask stands on another page: a line says so and leads there.
  function lead(ask, address) {
    const line = document.createElement("p");
    const link = document.createElement("a");
    link.href = address;
    link.textContent = "Read it";
    line.className = ask.className;
    line.setAttribute("role", "status");
    line.append("The reply is there. ", link);
    ask.replaceWith(line);
  }

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    const target = xhr.getResponseHeader("HX-Retarget");
    if (!target) return;
    const path = pathOf(xhr);
    if (document.querySelector(target) && (!path || isShownHere(path))) return;
    event.preventDefault();
    const address = xhr.getResponseHeader("Location");
    if (elt.matches(".ask")) lead(elt, address);
    else location.assign(address);
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig, xhr } = event.detail;
    requestConfig.heldFocus = requestConfig.elt.contains(document.activeElement);
    const path = pathOf(xhr);
    if (!path) return;
    const before = entries().filter((entry) => entry.dataset.path <= path).at(-1);
    event.detail.target = before;
    // The same form sent again answers with the post that is there already.
    event.detail.swapOverride = before.dataset.path === path ? "none" : "afterend";
  });

  // What has come: a post, or an ask, alone or last under its post.
  function arrival(settled, xhr) {
    const path = pathOf(xhr);
    if (path) return entries().find((entry) => entry.dataset.path === path)?.querySelector(".post");
    if (settled.matches(".ask")) return settled;
    return settled.querySelector(":scope > .ask:last-of-type");
  }

  // What was sent, or had the focus while it changed, keeps the reader's place.
  document.addEventListener("htmx:afterSettle", (event) => {
    const { requestConfig, xhr } = event.detail;
    const isOwn = requestConfig.verb === "post";
    const goal = isOwn || requestConfig.heldFocus ? arrival(event.target, xhr) : null;
    if (!goal || goal.contains(document.activeElement)) return;
    goal.tabIndex = -1;
    goal.focus({ preventScroll: !isOwn });
  });
})();
