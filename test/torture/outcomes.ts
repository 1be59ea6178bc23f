/** What is right for one message at a server that is registrar and proxy of example.com. */
export type Outcome =
  /** Goes on with that request URI; all else but Via, Max-Forwards, Route and Record-Route byte for byte as it came. */
  | { readonly kind: "forwarded"; readonly uri: string; readonly to: string }
  /** Answered by us; `has`: lines that the answer has. */
  | { readonly kind: "answered"; readonly status: number; readonly has?: readonly string[] }
  /** Answered and, over a stream, the connection ended: its next message could not be found. */
  | { readonly kind: "answered and ended"; readonly status: number }
  /** No word. */
  | { readonly kind: "dropped" };

/** One message of the corpora. */
export interface Row {
  readonly name: string;
  /** What says so. */
  readonly by: string;
  readonly outcome: Outcome;
  /** Over a stream, where that is another one. */
  readonly stream?: Outcome;
  readonly why: string;
}

/** Users of example.com that the messages name. */
export const USERS = ["user", "joe", "j.user", "UserB", "watson", "remote-target", "null-\0-null", "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/"];

const dropped: Outcome = { kind: "dropped" };
const phone = (name: string): Outcome => ({ kind: "forwarded", uri: `sip:${name}@198.51.100.7:5060`, to: "198.51.100.7" });
const elsewhere = (uri: string, to = "198.51.100.99"): Outcome => ({ kind: "forwarded", uri, to });
const answered = (status: number, ...has: string[]): Outcome => ({ kind: "answered", status, has });
const ended = (status: number): Outcome => ({ kind: "answered and ended", status });
const row = (name: string, by: string, outcome: Outcome, why: string, stream?: Outcome): Row => ({ name, by, outcome, why, ...(stream === undefined ? {} : { stream }) });

/** Every message of RFC 4475 and RFC 5118, as the corpora hold them. */
export const ROWS: readonly Row[] = [
  row("wsinv", "RFC 4475 §3.1.1.1", elsewhere("sip:vivekg@chair-dnrc.example.com;unknownparam"), "folds, blanks around colons, any case and unknown headers are read, and stay as they are"),
  row("intmeth", "RFC 4475 §3.1.1.2", phone("1_unusual.URI~(to-be!sure)_26isn't_2Bit_24_2Fcrazy_3F_2C_2F"), "every character is legal where it stands; an unknown method goes on by the rules for all others"),
  row("esc01", "RFC 4475 §3.1.1.3", elsewhere("sip:sips%3Auser%40example.com@example.net"), "the escaped user part is one user part, never a sips URI"),
  row("escnull", "RFC 4475 §3.1.1.4", answered(200, "Contact: <sip:%00@host5.example.com>", "Contact: <sip:%00%00@host5.example.com>"), "escaped NULs are characters like others: two bindings"),
  row("esc02", "RFC 4475 §3.1.1.5", elsewhere("sip:registrar.example.com"), "RE%47IST%45R is an unknown method, C%6Fntact an unknown header: neither is unescaped"),
  row("lwsdisp", "RFC 4475 §3.1.1.6", phone("user"), "no blank is needed between name and address"),
  row("longreq", "RFC 4475 §3.1.1.7", phone("user"), "34 Vias, long names and values stay within the bounds"),
  row("dblreq", "RFC 4475 §3.1.1.8", answered(200), "what follows the message in its datagram is no part of it (over a stream it is the next one)"),
  row("semiuri", "RFC 4475 §3.1.1.9", phone("user"), "a semicolon may stand in the user part; we look through its parameters"),
  row("transports", "RFC 4475 §3.1.1.10", phone("user"), "lower Vias may name any transport"),
  row("mpart01", "RFC 4475 §3.1.1.11", elsewhere("sip:127.0.0.1:5080", "127.0.0.1"), "a binary body passes byte for byte; its Route names a strict router (RFC 3261 §16.6 step 6)"),
  row("unreason", "RFC 4475 §3.1.1.12", dropped, "UTF-8 in a reason phrase is read; nobody waits for this response (§18.1.2)"),
  row("noreason", "RFC 4475 §3.1.1.13", dropped, "an empty reason phrase is read; nobody waits for this response (§18.1.2)"),

  row("badinv01", "RFC 4475 §3.1.2.1", answered(400), "a Via that is nothing but separators could not bring the answer back"),
  row("clerr", "RFC 4475 §3.1.2.2", answered(400), "the body is shorter than Content-Length says; a stream may yet bring the rest", dropped),
  row("ncl", "RFC 4475 §3.1.2.3", answered(400), "a negative Content-Length is none", ended(400)),
  row("scalar02", "RFC 4475 §3.1.2.4", answered(400), "CSeq is above 2^32"),
  row("scalarlg", "RFC 4475 §3.1.2.5", dropped, "a response whose CSeq is above 2^32 is discarded"),
  row("quotbal", "RFC 4475 §3.1.2.6", answered(400), "a quote that does not close"),
  row("ltgtruri", "RFC 4475 §3.1.2.7", answered(400), "a request URI in brackets is none"),
  row("lwsruri", "RFC 4475 §3.1.2.8", answered(400), "a request URI with a blank must not be passed on"),
  row("lwsstart", "RFC 4475 §3.1.2.9", answered(400), "more than one blank in the request line"),
  row("trws", "RFC 4475 §3.1.2.10", answered(400), "blanks after the version"),
  row("escruri", "RFC 4475 §3.1.2.11", answered(400), "headers in the request URI must not go on"),
  row("baddate", "RFC 4475 §3.1.2.12", phone("user"), "a proxy does not read Date"),
  row("regbadct", "RFC 4475 §3.1.2.13", answered(400), "a Contact with headers wants brackets"),
  row("badaspec", "RFC 4475 §3.1.2.14", answered(400), "blanks within the brackets of To"),
  row("baddn", "RFC 4475 §3.1.2.15", answered(400), "this copy lacks its blank line (whole: see the mended ones)", dropped),
  row("badvers", "RFC 4475 §3.1.2.16", answered(505), "SIP/7.0"),
  row("mismatch01", "RFC 4475 §3.1.2.17", answered(400), "CSeq names another method"),
  row("mismatch02", "RFC 4475 §3.1.2.18", answered(501), "CSeq names another method than the unknown one"),
  row("bigcode", "RFC 4475 §3.1.2.19", dropped, "a status above 699 is no response"),

  row("badbranch", "RFC 4475 §3.2.1", phone("user"), "a branch of nothing but the cookie is matched by the rules of RFC 2543"),

  row("insuf", "RFC 4475 §3.3.1", answered(400), "From, To and Call-ID are missing"),
  row("unkscm", "RFC 4475 §3.3.2", answered(416), "an unknown scheme"),
  row("novelsc", "RFC 4475 §3.3.3", answered(416), "a known scheme that is not SIP's"),
  row("unksm2", "RFC 4475 §3.3.4", answered(400), "a registrar keeps only SIP addresses"),
  row("bext01", "RFC 4475 §3.3.5", answered(420, "Unsupported: noProxiesSupportThis, norDoAnyProxiesSupportThis"), "a proxy names what Proxy-Require asks for, not what Require does"),
  row("invut", "RFC 4475 §3.3.6", phone("user"), "a proxy does not read Content-Type"),
  row("regaut01", "RFC 4475 §3.3.7", answered(200), "an unknown scheme is no credentials; here none are asked for (else 401: see the mended ones)"),
  row("multi01", "RFC 4475 §3.3.8", answered(400), "several From, To, Call-ID and CSeq"),
  row("mcl01", "RFC 4475 §3.3.9", answered(400), "two different Content-Lengths", ended(400)),
  row("bcast", "RFC 4475 §3.3.10", dropped, "a response whose topmost Via is not ours (§18.1.2)"),
  row("zeromf", "RFC 4475 §3.3.11", answered(483), "it would have to go one hop further"),
  row("cparam01", "RFC 4475 §3.3.12", answered(200, "Contact: <sip:+19725552222@gw1.example.net>"), "without brackets the parameter is the header's"),
  row("cparam02", "RFC 4475 §3.3.13", answered(200, "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"), "within brackets the parameter is the URI's"),
  row("regescrt", "RFC 4475 §3.3.14", answered(403), "well formed, but this contact is the AoR itself (with another host: see the mended ones)"),
  row("sdp01", "RFC 4475 §3.3.15", phone("user"), "a proxy does not read Accept"),
  row("inv2543", "RFC 4475 §3.4.1", phone("UserB"), "RFC 2543: no branch, no tag, no Max-Forwards, over UDP no Content-Length", ended(400)),

  row("badcseq", "RFC 3261 §20.16", answered(400), "CSeq without a number (the corpus's own)"),
  row("test", "RFC 3261 §18.2.2", dropped, "no version and no Via: nobody to answer (the corpus's own)"),

  row("rfc5118_4_1", "RFC 5118 §4.1", answered(200, "Contact: <sip:caller@[2001:db8::1]>"), "IPv6 in brackets in request URI, Via and Contact"),
  row("rfc5118_4_2", "RFC 5118 §4.2", answered(400), "IPv6 without brackets is no host"),
  row("rfc5118_4_3", "RFC 5118 §4.3", elsewhere("sip:[2001:db8::10:5070]", "2001:db8::10:5070"), "a port within the brackets is part of the address: another host"),
  row("rfc5118_4_4", "RFC 5118 §4.4", answered(200), "a port after the brackets is the port: we listen there"),
  row("rfc5118_4_5_1", "RFC 5118 §4.5", answered(405), "received in brackets is read; a server has no call to end"),
  row("rfc5118_4_5_2", "RFC 5118 §4.5", answered(400), "this copy has blanks in its addresses (without them: see the mended ones)"),
  row("rfc5118_4_6", "RFC 5118 §4.6", answered(400), "this copy lacks the end of its body (with it: see the mended ones)", dropped),
  row("rfc5118_4_7", "RFC 5118 §4.7", elsewhere("sip:user@host.example.net"), "Vias of both families, with and without ports"),
  row("rfc5118_4_8", "RFC 5118 §4.8", phone("user"), "both families in SDP: not a proxy's affair"),
  row("rfc5118_4_9", "RFC 5118 §4.9", phone("user"), "IPv4-mapped addresses in Via, Contact and SDP"),
  row("rfc5118_4_10_1", "RFC 5118 §4.10", elsewhere("sip:user@[2001:db8::192.0.2.1]", "2001:db8::192.0.2.1"), "three colons are the grammar's mistake: read, and written as two"),
  row("rfc5118_4_10_2", "RFC 5118 §4.10", elsewhere("sip:user@[2001:db8::192.0.2.1]", "2001:db8::192.0.2.1"), "two colons as they should be"),
];
