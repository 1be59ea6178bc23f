const head = (method: string, uri: string, via: string, to: string, more: string): string =>
  `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/${via};branch=z9hG4bK${method}1;rport\r\nMax-Forwards: 70\r\nFrom: "J\xc3\xbcrgen, the \\"first\\"" <sip:joe@example.com>;tag=f1\r\nTo: <${to}>\r\nCall-ID: good-${method}@203.0.113.5\r\nCSeq: 7 ${method}\r\nUser-Agent: Torture/1.0\r\n${more}`;
const body = (type: string, text: string): string => `Content-Type: ${type}\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
const none = "Content-Length: 0\r\n\r\n";
const udp = "UDP 203.0.113.5:5060";
const sdp = "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendrecv\r\n";
const pidf =
  '<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:joe@example.com"><tuple id="t1"><status><basic>open</basic></status><note xml:lang="en">here &amp; there</note></tuple></presence>\r\n';

/** What phones send all day, so that mutations reach past the parser. */
export const GOOD_MESSAGES: readonly string[] = [
  head("REGISTER", "sip:example.com", udp, "sip:joe@example.com", `Contact: <sip:joe@203.0.113.5:5060>;expires=600;q=0.5;+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>";reg-id=1\r\nSupported: path, outbound, gruu\r\nExpires: 600\r\n${none}`),
  head("REGISTER", "sip:example.com", udp, "sip:joe@example.com", `Contact: *\r\nExpires: 0\r\n${none}`),
  head("REGISTER", "sip:example.com", "TCP 203.0.113.6:5060", "sip:joe@example.com", `Contact: <sip:joe@203.0.113.6;transport=tcp>, <sip:joe@h.example.net;method=INVITE?a=b>\r\nPath: <sip:edge.example.net;lr;ob>\r\nSupported: path\r\n${none}`),
  head("INVITE", "sip:user@example.com", udp, "sip:user@example.com", `Contact: <sip:joe@203.0.113.5:5060>\r\nAllow: INVITE, ACK, BYE\r\nSupported: timer, replaces\r\nSession-Expires: 1800\r\n${body("application/sdp", sdp)}`),
  head("INVITE", "sip:watson@example.com;user=phone", "TCP 203.0.113.6:5060", "sip:watson@example.com", `Contact: <sip:joe@203.0.113.6:5060;transport=tcp>\r\nRoute: <sip:192.0.2.200;lr>\r\n${body("application/sdp", sdp)}`),
  head("CANCEL", "sip:user@example.com", udp, "sip:user@example.com", `Reason: SIP;cause=200;text="Call completed elsewhere"\r\n${none}`).replace("z9hG4bKCANCEL1", "z9hG4bKINVITE1").replace("good-CANCEL", "good-INVITE"),
  head("ACK", "sip:user@example.com", udp, "sip:user@example.com>;tag=far", none).replace("far>", "far"),
  head("BYE", "sip:user@example.com", udp, "sip:user@example.com>;tag=far", none).replace("far>", "far"),
  head("OPTIONS", "sip:example.com", udp, "sip:example.com", `Accept: application/sdp\r\n${none}`),
  head("MESSAGE", "sip:user@example.com", udp, "sip:user@example.com", body("text/plain;charset=UTF-8", "hello \xe2\x82\xac")),
  head("SUBSCRIBE", "sip:user@example.com", udp, "sip:user@example.com", `Contact: <sip:joe@203.0.113.5:5060>\r\nEvent: presence\r\nAccept: application/pidf+xml\r\nExpires: 600\r\n${none}`),
  head("SUBSCRIBE", "sip:user@example.com", udp, "sip:user@example.com", `Contact: <sip:joe@203.0.113.5:5060>\r\nEvent: dialog;sla\r\nAccept: application/dialog-info+xml\r\nExpires: 60\r\n${none}`),
  head("SUBSCRIBE", "sip:user@example.com", "TCP 203.0.113.6:5060", "sip:user@example.com", `Contact: <sip:joe@203.0.113.6:5060;transport=tcp>\r\nRecord-Route: <sip:edge.example.net;lr>\r\nEvent: presence\r\nExpires: 0\r\n${none}`),
  head("PUBLISH", "sip:joe@example.com", udp, "sip:joe@example.com", `Event: presence\r\nExpires: 600\r\n${body("application/pidf+xml", pidf)}`),
  head("PUBLISH", "sip:joe@example.com", udp, "sip:joe@example.com", `Event: presence\r\nSIP-If-Match: abc\r\nExpires: 0\r\n${none}`),
  head("NOTIFY", "sip:user@example.com", udp, "sip:user@example.com", `Event: message-summary\r\nSubscription-State: active;expires=60\r\n${body("application/simple-message-summary", "Messages-Waiting: yes\r\n")}`),
  head("REFER", "sip:user@example.com", udp, "sip:user@example.com", `Contact: <sip:joe@203.0.113.5:5060>\r\nRefer-To: <sip:watson@example.com?Replaces=a%3Bto-tag%3Db>\r\n${none}`),
  head("INFO", "sip:user@example.com", udp, "sip:user@example.com", `Proxy-Authorization: Digest username="joe", realm="example.com", nonce="x", uri="sip:user@example.com", response="0123456789abcdef0123456789abcdef"\r\n${none}`),
];
