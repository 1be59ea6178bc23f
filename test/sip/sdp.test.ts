import { expect, test } from "vitest";
import { mediaDirection } from "../../src/sip/sdp.ts";

const lines = (...text: string[]): string => `${["v=0", "o=- 1 1 IN IP4 10.0.0.1", "s=-", ...text].join("\r\n")}\r\n`;

test.each([
  ["a stream without a word on direction", lines("c=IN IP4 10.0.0.1", "m=audio 4000 RTP/AVP 0"), "sendrecv"],
  ["sendonly in the stream", lines("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=sendonly"), "sendonly"],
  ["inactive for the session", lines("a=inactive", "m=audio 4000 RTP/AVP 0"), "inactive"],
  ["the stream's word beats the session's", lines("a=inactive", "m=audio 4000 RTP/AVP 0", "a=sendrecv"), "sendrecv"],
  ["the old way of the session", lines("c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0"), "sendonly"],
  ["the old way of the stream", lines("c=IN IP4 10.0.0.1", "m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"), "sendonly"],
  ["the old way with IPv6", lines("c=IN IP6 ::", "m=audio 4000 RTP/AVP 0"), "sendonly"],
  ["the old way and inactive", lines("c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0", "a=inactive"), "inactive"],
  ["an address that only begins with zeros", lines("c=IN IP4 0.0.0.01", "m=audio 4000 RTP/AVP 0"), "sendrecv"],
  ["one stream of two is held", lines("m=audio 4000 RTP/AVP 0", "a=inactive", "m=video 4002 RTP/AVP 96"), "sendrecv"],
  ["a removed stream says nothing", lines("m=audio 4000 RTP/AVP 0", "a=sendonly", "m=video 0 RTP/AVP 96", "a=sendrecv"), "sendonly"],
  ["what one sends and another receives", lines("m=audio 4000 RTP/AVP 0", "a=sendonly", "m=video 4002 RTP/AVP 96", "a=recvonly"), "sendrecv"],
  ["recvonly", lines("m=audio 4000 RTP/AVP 0", "a=recvonly"), "recvonly"],
  ["lines that end with LF alone", "v=0\nm=audio 4000 RTP/AVP 0\na=sendonly\n", "sendonly"],
  ["no line end at the end", "v=0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly", "sendonly"],
  ["all streams removed", lines("m=audio 0 RTP/AVP 0"), null],
  ["no stream", lines("c=IN IP4 10.0.0.1"), null],
  ["nothing", "", null],
  ["no session description at all", "<xml/>\r\n=\r\nm", null],
])("%s: %#", (_, sdp, direction) => {
  expect(mediaDirection(sdp)).toBe(direction);
});
