// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes part in a conference by WHIP, or listens by WHEP, and shows who is there.
"use strict";

const at = (id) => document.getElementById(id);
const say = (word, about = "") => WORDS[document.documentElement.lang][word].replace("{}", about);

/** What runs while somebody takes part. */
let call = null;
/** Rows by the members' numbers: they stay, so that the keyboard's focus does too. */
const rows = new Map();

function speak(language) {
  document.documentElement.lang = language;
  at("language").value = language;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  document.title = say("title");
  rows.forEach((row) => row.remove());
  rows.clear();
  at("sinks").replaceChildren();
}

function status(text) {
  at("status").textContent = text;
}

function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${at("token").value}`, ...options.headers };
  return fetch(path, { ...options, headers });
}

/** Why the node has refused, in words. */
async function refusal(answer) {
  if (answer.status === 401) return say("noToken");
  if (answer.status === 409) return say("notThere");
  return say("refused", (await answer.text()).trim() || `${answer.status}`);
}

function setInside(inside) {
  at("join").disabled = inside;
  at("leave").disabled = !inside;
  at("quiet").disabled = !inside || !call?.microphone;
  at("consents").hidden = true;
  at("sinks").replaceChildren();
  for (const id of ["name", "conference", "token", "listen", "camera"]) at(id).disabled = inside;
}

/** A picture of a track, or none. */
function showPicture(id, track) {
  at(id).srcObject = track ? new MediaStream([track]) : null;
  at(id).hidden = !track;
}

/** The sizes that a camera's picture is sent in (RFC 8853), the largest first: who can't take the one is shown the other. */
const SIZES = [
  { rid: "h", maxBitrate: 700_000 },
  { rid: "l", maxBitrate: 150_000, scaleResolutionDownBy: 2 },
];

/** Video both ways with a camera, without one only towards the page. */
async function addVideo(peer) {
  if (at("camera").checked && !at("listen").checked) {
    try {
      const video = { width: 640, height: 480 };
      call.camera = await navigator.mediaDevices.getUserMedia({ video });
    } catch {
      throw say("noCamera");
    }
    const [track] = call.camera.getTracks();
    peer.addTransceiver(track, { streams: [call.camera], sendEncodings: SIZES });
    showPicture("own", track);
  } else {
    peer.addTransceiver("video", { direction: "recvonly" });
  }
}

async function join() {
  const listens = at("listen").checked;
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  call = { peer, microphone: null, camera: null, session: null };
  try {
    if (listens) {
      peer.addTransceiver("audio", { direction: "recvonly" });
    } else {
      status(say("asking"));
      try {
        call.microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
      } catch {
        throw say("noMicrophone");
      }
      call.microphone.getTracks().forEach((track) => peer.addTrack(track, call.microphone));
    }
    await addVideo(peer);
    peer.addEventListener("track", ({ track }) => {
      if (track.kind === "audio") {
        at("heard").srcObject = new MediaStream([track]);
        return;
      }
      // Nothing is shown until there is something to be seen.
      track.addEventListener("unmute", () => showPicture("seen", track));
      track.addEventListener("ended", () => showPicture("seen", null));
    });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "connected") status(say("inside"));
      if (peer.connectionState === "failed" && call?.peer === peer) leave(say("lost"));
    });
    status(say("entering2"));
    await peer.setLocalDescription();
    const way = listens ? "whep" : "whip";
    const query = new URLSearchParams({ name: at("name").value });
    const answer = await ask(`/${way}/${encodeURIComponent(at("conference").value)}?${query}`, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: peer.localDescription.sdp,
    }).catch(() => { throw say("unreachable"); });
    if (answer.status !== 201) throw await refusal(answer);
    call.session = answer.headers.get("Location");
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    setInside(true);
    at(listens ? "leave" : "quiet").focus();
  } catch (reason) {
    leave(`${reason}`);
  }
}

function leave(why) {
  const { peer, microphone, camera, session } = call ?? {};
  call = null;
  for (const device of [microphone, camera]) {
    device?.getTracks().forEach((track) => track.stop());
  }
  peer?.close();
  // Also when the page goes away.
  if (session) ask(session, { method: "DELETE", keepalive: true }).catch(() => {});
  at("heard").srcObject = null;
  showPicture("seen", null);
  showPicture("own", null);
  at("quiet").setAttribute("aria-pressed", "false");
  setInside(false);
  // The button that was pressed is none any more.
  if (session) at("join").focus();
  status(why);
}

function toggleMicrophone() {
  const quiet = at("quiet").getAttribute("aria-pressed") !== "true";
  call?.microphone?.getTracks().forEach((track) => { track.enabled = !quiet; });
  at("quiet").setAttribute("aria-pressed", `${quiet}`);
}

/** What a purpose and a state are called. */
function purpose(name) {
  const words = {
    record: say("record"), transcribe: say("transcribe"), analyse: say("analyse"), assist: say("assist"),
  };
  return words[name] ?? name;
}

function standing(state) {
  const words = {
    unasked: say("unasked"), agreed: say("agreed"), taken: say("takenNow"), paused: say("paused"),
    withdrawn: say("withdrawn"), expired: say("expired"), refused: say("refusedBySdp"),
  };
  return words[state] ?? state;
}

function makeSink(sink) {
  const item = document.createElement("li");
  const about = document.createElement("span");
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", async () => {
    const agrees = button.getAttribute("aria-pressed") !== "true";
    const what = agrees ? "consent" : "withdraw";
    const path = `${call?.session}/${what}/${encodeURIComponent(sink)}?notice=${NOTICE}`;
    const answer = await ask(path, { method: "POST" }).catch(() => null);
    if (!answer?.ok) status(answer ? await refusal(answer) : say("unreachable"));
    await lookAtConsents();
  });
  item.append(button, about);
  return item;
}

/** What this person has agreed to. */
async function lookAtConsents() {
  const session = call?.session;
  if (!session) return;
  let standings;
  try {
    const answer = await ask(`${session}/consent`);
    if (!answer.ok) return;
    standings = await answer.json();
  } catch {
    return;
  }
  if (call?.session !== session) return;
  at("consents").hidden = standings.length === 0;
  standings.forEach(({ sink, purpose: what, state }, n) => {
    const list = at("sinks");
    if (list.children.length <= n) list.append(makeSink(sink));
    const [button, about] = list.children[n].children;
    const agreed = ["agreed", "taken", "paused"].includes(state);
    const text = say(agreed ? "withdraw" : "agree");
    const told = `${purpose(what)}, ${sink}: ${standing(state)}`;
    if (button.textContent !== text) button.textContent = text;
    button.setAttribute("aria-pressed", `${agreed}`);
    button.setAttribute("aria-label", `${text}: ${purpose(what)}, ${sink}`);
    if (about.textContent !== told) about.textContent = told;
  });
}

function number(value, digits) {
  const language = document.documentElement.lang;
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value === null ? "–" : value.toLocaleString(language, options);
}

function makeRow(conference, member) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  row.append(name);
  for (let n = 0; n < 9; n += 1) row.append(document.createElement("td"));
  for (const n of [4, 5, 6]) row.cells[n].className = "number";
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", async () => {
    const what = button.getAttribute("aria-pressed") === "true" ? "unmute" : "mute";
    const path = `/api/conferences/${encodeURIComponent(conference)}/${member.id}/${what}`;
    await ask(path, { method: "POST" }).catch(() => {});
    await look();
  });
  row.cells[9].append(button);
  return row;
}

function show(row, member) {
  const set = (n, text) => {
    if (row.cells[n].textContent !== text) row.cells[n].textContent = text;
  };
  row.className = member.speaking ? "speaks" : "";
  set(0, member.name);
  set(1, say(member.speaking ? "yes" : "no"));
  set(2, member.codec);
  set(3, member.suite ?? say("none"));
  set(4, number(member.delay_ms, 0));
  set(5, number(member.loss_percent, 1));
  set(6, number(member.mos, 2));
  set(7, member.silent ?? say("heard"));
  const taken = member.standings.filter(({ state }) => state === "taken");
  set(8, taken.map(({ sink, purpose: what }) => `${purpose(what)}, ${sink}`).join("; ") || say("nowhere"));
  row.cells[8].className = taken.length > 0 ? "taken" : "";
  const button = row.cells[9].firstChild;
  button.textContent = say(member.muted ? "unmute" : "mute");
  button.setAttribute("aria-pressed", `${member.muted}`);
  button.setAttribute("aria-label", `${button.textContent}: ${member.name}`);
}

async function look() {
  if (at("token").value === "") return;
  await lookAtConsents();
  let conferences;
  try {
    const answer = await ask("/api/conferences");
    if (!answer.ok) return;
    ({ conferences } = await answer.json());
  } catch {
    return;
  }
  const options = conferences.map(({ name }) => new Option(name));
  at("conferences").replaceChildren(...options);
  const chosen = at("conference").value;
  const members = conferences.find(({ name }) => name === chosen)?.members ?? [];
  const there = new Set(members.map(({ id }) => `${chosen} ${id}`));
  const comings = [];
  for (const [key, row] of rows) {
    if (there.has(key)) continue;
    comings.push(say("went", row.cells[0].textContent));
    row.remove();
    rows.delete(key);
  }
  for (const member of members) {
    const key = `${chosen} ${member.id}`;
    if (!rows.has(key)) {
      rows.set(key, makeRow(chosen, member));
      at("members").append(rows.get(key));
      comings.push(say("came", member.name));
    }
    show(rows.get(key), member);
  }
  at("nobody").hidden = members.length > 0;
  if (comings.length > 0) at("comings").textContent = comings.join(" ");
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!call) join();
});
at("leave").addEventListener("click", () => leave(say("outside")));
at("quiet").addEventListener("click", toggleMicrophone);
at("language").addEventListener("change", (event) => speak(event.target.value));
window.addEventListener("pagehide", () => { if (call) leave(""); });

// What stands behind # goes to no server: whoever starts the node may print an address with the token.
const given = new URLSearchParams(window.location.hash.slice(1));
for (const id of ["token", "name", "conference"]) {
  if (given.has(id)) at(id).value = given.get(id);
}
if (given.has("token")) window.history.replaceState(null, "", window.location.pathname);
speak((navigator.language ?? "en").startsWith("de") ? "de" : "en");
look();
setInterval(look, 1_000);
