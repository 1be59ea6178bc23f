// An office for pictures: the built server on loopback, people with believable names, their phones on one UDP socket, calls that ring, are talked on and are held.
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FIRST = ["Alice", "Bob", "Carol", "Dan", "Erin", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Liam", "Maya", "Noah", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wim", "Xenia", "Yusuf", "Zoë"];
const LAST = ["Adams", "Brown", "Clark", "Dover", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov", "Jansen", "Keller", "Lambert", "Moreau", "Nilsson", "Olsen", "Peeters", "Quist", "Rossi", "Schmidt", "Taylor", "Urban", "Vermeulen", "Weber", "Young", "Ziegler"];
const DOMAIN = "tel.example.test";

/** The name of the person of that number. */
export function nameOf(index) {
  return `${FIRST[index % FIRST.length]} ${LAST[(index * 7 + Math.floor(index / FIRST.length)) % LAST.length]}`;
}

/** Starts it; `people` may be any number, `registered` of them have phones. */
export async function startOffice({ people, registered = people }) {
  const folder = mkdtempSync(join(tmpdir(), "lamplight-pictures-"));
  const [sipPort, webPort] = [await freePort(), await freePort()];
  const web = `http://127.0.0.1:${webPort}`;
  writeFileSync(join(folder, "lamplight.yaml"), `domain: ${DOMAIN}\nlisten: ["udp://127.0.0.1:${sipPort}"]\nauthentication: { require: none }\nweb: { listen: "${web}", token: pictures }\nlog: { level: error }\n`, { mode: 0o600 });
  const users = Array.from({ length: people }, (_, index) => `  - { id: "${101 + index}", name: ${JSON.stringify(nameOf(index))}, password: x${index}, numbers: ["+322555${String(1000 + index)}"] }\n`);
  writeFileSync(join(folder, "directory.yaml"), `users:\n${users.join("")}${people < 20 ? "" : `groups:\n${GROUPS.map((name, at) => groupOf(name, at, people)).join("")}`}`, { mode: 0o600 });
  const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
  const server = spawn(process.execPath, [main, "start", "--config", join(folder, "lamplight.yaml"), "--data", join(folder, "data")], { cwd: folder, stdio: "inherit" });
  for (let tries = 0; tries < 200; tries++) {
    if (await fetch(`${web}/healthz`).then((answer) => answer.ok, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const phones = await phoneSocket(sipPort);
  const ids = Array.from({ length: registered }, (_, index) => String(101 + index));
  for (const id of ids) await phones.register(id);
  return {
    web,
    token: "pictures",
    call: (from, to, state) => phones.call(from, to, state),
    hold: (call) => phones.hold(call),
    async say(id, state) {
      const answer = await fetch(`${web}/api/presence/${id}`, { method: "PUT", headers: { "content-type": "application/json", authorization: "Bearer pictures" }, body: JSON.stringify(state) });
      if (!answer.ok) throw new Error(await answer.text());
    },
    async stop() {
      phones.close();
      server.kill("SIGTERM");
      await once(server, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const GROUPS = ["Sales", "Support", "Engineering", "Office"];

function groupOf(name, at, people) {
  const members = Array.from({ length: people }, (_, index) => index).filter((index) => index % GROUPS.length === at);
  return `  - { id: "${name.toLowerCase()}", name: ${name}, members: [${members.map((index) => `"${101 + index}"`).join(", ")}] }\n`;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const AGENTS = ["Yealink SIP-T46S 66.86.0.15", "snomD785/10.1.169.16", "Grandstream GXP2170 1.0.11.57", "PolycomVVX-VVX_411-UA/6.4.3"];

/** All phones of the office: one socket, that answers what it is asked as each call was meant to go. */
async function phoneSocket(sipPort) {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const here = `127.0.0.1:${socket.address().port}`;
  const waiting = new Map();
  const calls = new Map();
  let number = 0;
  const send = (text) => socket.send(text, sipPort, "127.0.0.1");
  const header = (text, name) => new RegExp(`^${name}: *(.*)$`, "im").exec(text)?.[1]?.trim() ?? "";
  const all = (text, name) => [...text.matchAll(new RegExp(`^${name}: *(.*)$`, "gim"))].map((found) => `${name}: ${found[1].trim()}\r\n`).join("");
  const sdp = (how) => `v=0\r\no=- 1 ${++number} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=${how}\r\n`;
  const request = (method, uri, { from, to, callId, cseq, more = "", body = "" }) =>
    `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${here};rport;branch=z9hG4bK${++number}x\r\nMax-Forwards: 70\r\nFrom: ${from}\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\nContact: <sip:phone@${here}>\r\n${more}${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const answer = (text, status, body = "") => `SIP/2.0 ${status}\r\n${all(text, "Via")}${all(text, "Record-Route")}From: ${header(text, "From")}\r\nTo: ${header(text, "To").includes("tag=") ? header(text, "To") : `${header(text, "To")};tag=callee`}\r\nCall-ID: ${header(text, "Call-ID")}\r\nCSeq: ${header(text, "CSeq")}\r\nContact: <sip:phone@${here}>\r\n${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  socket.on("message", (bytes) => {
    const text = bytes.toString();
    const callId = header(text, "Call-ID");
    if (text.startsWith("SIP/2.0 ")) {
      const status = Number(text.slice(8, 11));
      if (status >= 200) waiting.get(`${callId} ${header(text, "CSeq")}`)?.(text);
      return;
    }
    if (text.startsWith("ACK ")) return;
    if (text.startsWith("INVITE ") && calls.get(callId) === "ringing") send(answer(text, "180 Ringing"));
    else send(answer(text, "200 OK", text.startsWith("INVITE ") ? sdp(text.includes("a=sendonly") ? "recvonly" : "sendrecv") : ""));
  });
  const ask = (text) =>
    new Promise((resolve) => {
      waiting.set(`${header(text, "Call-ID")} ${header(text, "CSeq")}`, resolve);
      send(text);
    });
  const routesOf = (text) => [...text.matchAll(/^Record-Route: *(.*)$/gim)].reverse().map((found) => `Route: ${found[1].trim()}\r\n`).join("");
  return {
    close: () => socket.close(),
    async register(id) {
      const who = `<sip:${id}@${DOMAIN}>`;
      await ask(request("REGISTER", `sip:${DOMAIN}`, { from: `${who};tag=r${id}`, to: who, callId: `register-${id}`, cseq: 1, more: `Expires: 3600\r\nUser-Agent: ${AGENTS[Number(id) % AGENTS.length]}\r\n` }));
    },
    async call(from, to, state) {
      const callId = `call-${++number}`;
      calls.set(callId, state);
      const fromHeader = `${from.startsWith("+") ? `"${from}" <sip:${from}@carrier.example.test>` : `<sip:${from}@${DOMAIN}>`};tag=caller`;
      const invite = request("INVITE", `sip:${to}@${DOMAIN}`, { from: fromHeader, to: `<sip:${to}@${DOMAIN}>`, callId, cseq: 1, body: sdp("sendrecv") });
      if (state === "ringing") {
        send(invite);
        return null;
      }
      const answered = await ask(invite);
      const call = { callId, from: fromHeader, to: header(answered, "To"), target: /<(.*)>/.exec(header(answered, "Contact"))[1], more: routesOf(answered) };
      send(request("ACK", call.target, { ...call, cseq: 1 }));
      return call;
    },
    async hold(call) {
      const held = request("INVITE", call.target, { ...call, cseq: 2, body: sdp("sendonly") });
      await ask(held);
      send(request("ACK", call.target, { ...call, cseq: 2 }));
    },
  };
}
