// Shows a persona's words as they arrive, and says aloud when something has changed.
//
// While a page has open asks and can be seen, one stream of server-sent events brings
// text (provisional, replaced by the post) and "look again". Without a stream, the asks
// poll by htmx on their own; without JavaScript, a reload shows the same.
"use strict";

(() => {
  const QUIET_MS = 15000; // a stream silent for longer than this does not keep polls away
  const TOGETHER_MS = 1000;
  const PAUSE_MS = 5000; // between two tries to open a stream

  const texts = new Map(); // ask id -> the text so far, one code point an entry
  let source = null;
  let heardAt = 0;
  let triedAt = 0;

  const piece = (id) => document.getElementById(`ask-${id}`);

  function show(id) {
    const box = piece(id)?.querySelector(".provisional");
    const text = texts.get(id);
    if (box && text?.length) {
      box.hidden = false;
      box.querySelector(".words").textContent = text.join("");
    }
  }

  function onText(event) {
    const news = JSON.parse(event.data);
    heardAt = Date.now();
    // Offsets count code points, as the server does, not the halves that strings hold.
    const known = news.restart ? [] : texts.get(news.ask) || [];
    if (news.at > known.length) return reopen(); // something was missed: begin again
    texts.set(news.ask, known.slice(0, news.at).concat(Array.from(news.text)));
    show(news.ask);
  }

  function onState(event) {
    heardAt = Date.now();
    const whole = document.querySelector("[data-whole]"); // a page of the queue
    if (whole) later(whole);
    else refresh(piece(JSON.parse(event.data).ask));
  }

  // Many requests may change at once: one look a second shows them all.
  function later(whole) {
    if (whole.dataset.due) return;
    whole.dataset.due = "1";
    setTimeout(() => { if (whole.isConnected) refresh(whole); }, TOGETHER_MS);
  }

  function refresh(element) {
    if (!element) return;
    element.dataset.due = "1";
    htmx.trigger(element, "refresh");
  }

  function close() {
    source?.close();
    source = null;
  }

  function reopen() {
    close();
    setTimeout(sync, PAUSE_MS);
  }

  function sync() {
    const open = [...document.querySelectorAll("[data-stream]")].pop();
    if (!open || document.hidden) return close();
    if (source && source.readyState !== EventSource.CLOSED) return;
    if (Date.now() - triedAt < PAUSE_MS) return;
    triedAt = Date.now();
    source = new EventSource(open.dataset.stream);
    source.onopen = () => { heardAt = Date.now(); };
    source.addEventListener("text", onText);
    source.addEventListener("state", onState);
    source.addEventListener("end", () => {
      close();
      document.querySelectorAll("[data-stream]").forEach(refresh);
    });
  }

  function isLive() {
    return source?.readyState === EventSource.OPEN && Date.now() - heardAt < QUIET_MS;
  }

  function announce(words) {
    const announcer = document.getElementById("announcer");
    const line = words.trim();
    if (announcer.textContent !== line) announcer.textContent = line;
  }

  // A poll is not needed while the stream says when to look.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.target;
    if (document.hidden && element.matches("#notices, [data-whole]")) return event.preventDefault();
    if (!element.matches("[data-stream]")) return;
    if (document.hidden || (isLive() && !element.dataset.due)) event.preventDefault();
    delete element.dataset.due;
  });

  document.addEventListener("htmx:load", (event) => {
    const element = event.target;
    if (element.matches(".ask")) {
      show(element.id.replace("ask-", ""));
      announce(element.querySelector(".status").textContent);
    } else if (element.querySelector(":scope > .post.persona")) {
      announce(`${element.querySelector(".name").textContent} has answered.`);
    }
    sync();
  });

  document.addEventListener("visibilitychange", () => {
    sync();
    if (!document.hidden) document.querySelectorAll("[data-stream]").forEach(refresh);
  });

  sync();
})();
