import type { Flow } from "../../src/sip/transport/transport.ts";

/** A way that takes everything and sends nothing. */
export const flow: Flow = {
  protocol: "udp",
  listener: { protocol: "udp", address: "0.0.0.0", port: 5060, network: "default", url: "udp://0.0.0.0:5060" },
  localAddress: "192.0.2.1",
  localPort: 5060,
  remoteAddress: "192.0.2.9",
  remotePort: 5062,
  connection: 0,
  isOpen: true,
  send: () => true,
  close: () => undefined,
};

const SDP =
  "v=0\r\no=- 20461 20461 IN IP4 192.0.2.9\r\ns=SDP data\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 11780 RTP/AVP 9 0 8 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" +
  "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/** A text as it comes off the wire: flat, one character a byte. */
export function wire(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** An INVITE as desk phones write it. */
export const INVITE = wire(
  "INVITE sip:2102@tel.example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1889472014;rport\r\nMax-Forwards: 70\r\n" +
    'From: "Ann Example" <sip:2101@tel.example.test>;tag=1427498204\r\nTo: <sip:2102@tel.example.test>\r\nCall-ID: 0_1863418721@192.0.2.9\r\nCSeq: 2 INVITE\r\nContact: <sip:2101@192.0.2.9:5062>\r\n' +
    "Content-Type: application/sdp\r\nAllow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\n" +
    `Supported: replaces\r\nAllow-Events: talk,hold,conference,refer,check-sync\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
);

/** A 180 to it through a proxy whose branch is `branch`. */
export function ringing(branch: string): string {
  return wire(
    `SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=${branch};rport=5060\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1889472014;rport=5062;received=192.0.2.9\r\n` +
      'From: "Ann Example" <sip:2101@tel.example.test>;tag=1427498204\r\nTo: <sip:2102@tel.example.test>;tag=8827364\r\nCall-ID: 0_1863418721@192.0.2.9\r\nCSeq: 2 INVITE\r\nContact: <sip:2102@192.0.2.10:5060>\r\n' +
      "Record-Route: <sip:t1.0a0b0c0d0e0f@192.0.2.1;lr>\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nContent-Length: 0\r\n\r\n",
  );
}
