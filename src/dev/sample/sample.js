// The live parts of the sample page. Whatever arrives is put into the page as text, never as HTML.
"use strict";

const byId = (id) => document.getElementById(id);

/** Puts a state into words; a reader's screen reader announces it when it changes. */
const say = (id, text, kind = "") => {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
  element.className = kind;
};

for (const part of document.querySelectorAll("[data-live]")) part.hidden = false;

// The clock: server-sent events. The browser connects again by itself, unless it was refused.
const clock = new EventSource("/clock");
clock.addEventListener("open", () => say("clock-state", "Connected", "good"));
clock.addEventListener("message", ({ data }) => { byId("clock-time").textContent = data; });
clock.addEventListener("error", () => {
  if (clock.readyState === EventSource.CLOSED) say("clock-state", "Closed", "bad");
  else say("clock-state", "Interrupted, connecting again");
});

// The echo: a WebSocket.
const sent = [];
let socket;

const connect = () => {
  const address = new URL("/echo", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  say("echo-state", "Connecting");
  sent.length = 0;
  const opened = new WebSocket(address);
  socket = opened;
  socket.addEventListener("open", () => say("echo-state", "Connected", "good"));
  socket.addEventListener("message", ({ data }) => {
    const line = document.createElement("li");
    line.textContent = `${data} (${Math.max(1, Math.round(performance.now() - sent.shift()))} ms)`;
    byId("echo-log").append(line);
    if (byId("echo-log").childElementCount > 4) byId("echo-log").firstElementChild.remove();
  });
  socket.addEventListener("close", () => {
    // That of an earlier one may come late.
    if (socket === opened) say("echo-state", "Closed; sending connects again", "bad");
  });
};

const send = (text) => {
  sent.push(performance.now());
  socket.send(text);
};

byId("echo").addEventListener("submit", (event) => {
  event.preventDefault();
  const { value } = byId("echo-text");
  if (socket.readyState > WebSocket.OPEN) connect();
  if (socket.readyState === WebSocket.OPEN) send(value);
  else {
    socket.addEventListener("open", () => { send(value); byId("echo-text").value = ""; }, { once: true });
    return;
  }
  byId("echo-text").value = "";
});
connect();

// The upload. XMLHttpRequest and not fetch: only it tells how much has been sent.
const outcome = ({ status, responseText }) => {
  if (status === 200) return responseText.trim();
  try {
    return `Refused with ${status}: ${JSON.parse(responseText).code}`;
  } catch {
    return `Refused with ${status}`;
  }
};

byId("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = byId("file").files;
  const progress = byId("upload-progress");
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", ({ loaded, total }) => { progress.value = total ? loaded / total : 1; });
  request.addEventListener("loadend", () => {
    progress.hidden = true;
    if (request.status === 0) say("upload-state", "Not sent: the connection was lost, or your session has ended. Load the page again.", "bad");
    else say("upload-state", `${file.name}: ${outcome(request)}`, request.status === 200 ? "good" : "bad");
  });
  request.open("POST", "/upload");
  request.send(file);
  progress.value = 0;
  progress.hidden = false;
  say("upload-state", `Sending ${file.name}`);
});
