import { createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { channelBinding, ntlmKey, ntlmNegotiate } from "../../src/calendar/ntlm-message.ts";
import { webServer, type Seen, type WebServer } from "./web-server.ts";

// A stand-in for Exchange, written from its published schema and from MS-NLMP: it signs clients in and answers SOAP requests. No test here has met a real Exchange.

export const ACCOUNT = { user: "svc", domain: "CORP", password: "Tr0ub4dor&3-verysecret" };

export interface ExchangeSettings {
  readonly scheme: "basic" | "ntlm";
  /** The server's certificate in DER: the stand-in then insists on the channel binding, as Extended Protection "Required" does. */
  readonly certificate?: Buffer;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly answer: (soap: string, response: ServerResponse, seen: Seen) => void;
}

/** Listens; `seen` has the requests. */
export function exchange(settings: ExchangeSettings): Promise<WebServer> {
  const challenged = new WeakMap<Socket, Buffer>();
  return webServer((seen, response) => {
    const authorization = seen.headers.authorization ?? "";
    if (settings.scheme === "basic") {
      if (authorization === `Basic ${Buffer.from(`CORP\\svc:${ACCOUNT.password}`).toString("base64")}`) settings.answer(seen.body, response, seen);
      else response.writeHead(401, { "www-authenticate": 'Basic realm="mail.test"' }).end();
      return;
    }
    const token = /^NTLM (.+)$/.exec(authorization)?.[1];
    const message = Buffer.from(token ?? "", "base64");
    if (token !== undefined && message.readUInt32LE(8) === 1) {
      const challenge = challengeMessage();
      challenged.set(seen.socket, challenge);
      response.writeHead(401, { "www-authenticate": `NTLM ${challenge.toString("base64")}` }).end();
      return;
    }
    const challenge = challenged.get(seen.socket);
    if (token !== undefined && challenge !== undefined && isProven(message, challenge, settings.certificate)) settings.answer(seen.body, response, seen);
    else response.writeHead(401, [["www-authenticate", "Negotiate"], ["www-authenticate", "NTLM"]].flat()).end();
  }, settings.tls);
}

function challengeMessage(): Buffer {
  const stamp = Buffer.alloc(12);
  stamp.writeUInt16LE(7);
  stamp.writeUInt16LE(8, 2);
  stamp.writeBigUInt64LE(133_000_000_000_000_000n, 4);
  const domain = Buffer.from("CORP", "utf16le");
  const name = Buffer.concat([Buffer.from([2, 0, domain.length, 0]), domain]);
  const info = Buffer.concat([name, stamp, Buffer.alloc(4)]);
  const head = Buffer.alloc(56);
  head.write("NTLMSSP\0", "latin1");
  head.writeUInt32LE(2, 8);
  head.writeUInt32LE(0xa2898205, 20);
  head.write("0123456789abcdef", 24, "hex");
  head.writeUInt16LE(info.length, 40);
  head.writeUInt16LE(info.length, 42);
  head.writeUInt32LE(head.length, 44);
  return Buffer.concat([head, info]);
}

function isProven(message: Buffer, challenge: Buffer, certificate: Buffer | undefined): boolean {
  if (message.readUInt32LE(8) !== 3) return false;
  const field = (at: number): Buffer => message.subarray(message.readUInt32LE(at + 4), message.readUInt32LE(at + 4) + message.readUInt16LE(at));
  const user = field(36).toString("utf16le");
  const domain = field(28).toString("utf16le");
  if (user !== ACCOUNT.user || domain !== ACCOUNT.domain) return false;
  const response = field(20);
  const key = ntlmKey(ACCOUNT);
  const hmac = (secret: Buffer, ...parts: Buffer[]): Buffer => createHmac("md5", secret).update(Buffer.concat(parts)).digest();
  const proof = response.subarray(0, 16);
  if (!hmac(key, challenge.subarray(24, 32), response.subarray(16)).equals(proof)) return false;
  const unsigned = Buffer.from(message);
  unsigned.fill(0, 72, 88);
  if (!hmac(hmac(key, proof), ntlmNegotiate(), challenge, unsigned).equals(message.subarray(72, 88))) return false;
  return certificate === undefined || response.includes(Buffer.concat([Buffer.from([10, 0, 16, 0]), channelBinding(certificate)]));
}

export interface MadeEvent {
  readonly start: string;
  readonly end: string;
  readonly type?: string;
  readonly meeting?: boolean;
  readonly secret?: boolean;
  readonly subject?: string;
}

const T = 'xmlns="http://schemas.microsoft.com/exchange/services/2006/types"';

/** A mailbox's answer with its events. */
export function mailboxAnswer(events: readonly MadeEvent[], view = "Detailed"): string {
  const made = events.map(
    ({ start, end, type = "Busy", meeting = false, secret = false, subject = "QUARTZFALCON" }) =>
      `<CalendarEvent><StartTime>${start}</StartTime><EndTime>${end}</EndTime><BusyType>${type}</BusyType><CalendarEventDetails><ID>0000</ID><Subject>${subject}</Subject><Location>ZEBRAROOM</Location><IsMeeting>${String(meeting)}</IsMeeting><IsRecurring>false</IsRecurring><IsException>false</IsException><IsReminderSet>true</IsReminderSet><IsPrivate>${String(secret)}</IsPrivate></CalendarEventDetails></CalendarEvent>`,
  );
  return `<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage><FreeBusyView><FreeBusyViewType ${T}>${view}</FreeBusyViewType><CalendarEventArray ${T}>${made.join("")}</CalendarEventArray></FreeBusyView></FreeBusyResponse>`;
}

/** A mailbox that Exchange refuses. */
export function refusedMailbox(code: string, more = ""): string {
  return `<FreeBusyResponse><ResponseMessage ResponseClass="Error"><MessageText>Unable to resolve e-mail address QUARTZFALCON@mail.test to an Active Directory object.</MessageText><ResponseCode>${code}</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey>${more}</ResponseMessage><FreeBusyView><FreeBusyViewType ${T}>None</FreeBusyViewType></FreeBusyView></FreeBusyResponse>`;
}

export function availabilityAnswer(...mailboxes: readonly string[]): string {
  return `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header><s:Body><GetUserAvailabilityResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><FreeBusyResponseArray>${mailboxes.join("")}</FreeBusyResponseArray></GetUserAvailabilityResponse></s:Body></s:Envelope>`;
}

/** A SOAP fault as Exchange writes it. */
export function soapFault(code: string, values = ""): string {
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:${code}</faultcode><faultstring xml:lang="en-US">The server cannot service QUARTZFALCON right now.</faultstring><detail><e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">${code}</e:ResponseCode><t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">${values}</t:MessageXml></detail></s:Fault></s:Body></s:Envelope>`;
}

/** The addresses that a request asks for. */
export function askedFor(soap: string): readonly string[] {
  return [...soap.matchAll(/<t:Address>([^<]*)<\/t:Address>/g)].map(([, address = ""]) => address.replaceAll("&amp;", "&"));
}

export function say(response: ServerResponse, body: string, status = 200, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { "content-type": "text/xml; charset=utf-8", ...headers }).end(body);
}

/** Notifications of a stand-in: who subscribed, and the streams that are open. */
export interface Notifier {
  /** For the stand-in: answers Subscribe and GetStreamingEvents; false for what is neither. */
  answer(soap: string, response: ServerResponse, seen: Seen): boolean;
  /** Mailboxes by the id of their subscription. */
  readonly subscriptions: Map<string, string>;
  /** The streams that are open now, the newest last. */
  readonly streams: readonly ServerResponse[];
  /** Refuses a mailbox's subscription with that code. */
  refuse: (mailbox: string) => string | null;
  /** Tells all streams that something changed in a mailbox. */
  change(mailbox: string): void;
}

const M = 'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"';

function streamed(inner: string): string {
  return `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" Version="V2017_07_11" xmlns="http://schemas.microsoft.com/exchange/services/2006/types"/></soap11:Header><soap11:Body xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><m:GetStreamingEventsResponse ${M}><m:ResponseMessages><m:GetStreamingEventsResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>${inner}</m:GetStreamingEventsResponseMessage></m:ResponseMessages></m:GetStreamingEventsResponse></soap11:Body></Envelope>\r\n`;
}

/** Exchange's sign of life on a stream. */
export const SIGN_OF_LIFE = streamed("<m:ConnectionStatus>OK</m:ConnectionStatus>");

/** A notification that an item of a subscription was made. */
export function changeOf(id: string): string {
  return streamed(`<m:Notifications><m:Notification><t:SubscriptionId>${id}</t:SubscriptionId><t:CreatedEvent><t:TimeStamp>2026-11-21T09:00:00Z</t:TimeStamp><t:ItemId Id="QUARTZFALCON" ChangeKey="Q0s="/><t:ParentFolderId Id="Rm9sZGVy" ChangeKey="AQ=="/></t:CreatedEvent></m:Notification></m:Notifications>`);
}

/** What a stream says of a subscription that it cannot serve. */
export function streamFailure(code: string, id: string): string {
  return streamed("").replace(/<m:GetStreamingEventsResponseMessage .*<\/m:GetStreamingEventsResponseMessage>/, `<m:GetStreamingEventsResponseMessage ResponseClass="Error"><m:MessageText>QUARTZFALCON</m:MessageText><m:ResponseCode>${code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:ErrorSubscriptionIds><m:SubscriptionId>${id}</m:SubscriptionId></m:ErrorSubscriptionIds></m:GetStreamingEventsResponseMessage>`);
}

/** Notifications of a stand-in; each stream and subscription is another. */
export function notifier(): Notifier {
  const subscriptions = new Map<string, string>();
  const streams: ServerResponse[] = [];
  const self: Notifier = {
    subscriptions,
    streams,
    refuse: () => null,
    answer(soap, response, seen) {
      if (soap.includes("<m:Subscribe>")) {
        const mailbox = /<t:SmtpAddress>([^<]*)</.exec(soap)?.[1] ?? "";
        const id = Buffer.from(`${mailbox}/${String(subscriptions.size)}`).toString("base64");
        const code = self.refuse(mailbox);
        if (code === null) subscriptions.set(id, mailbox);
        const inner = code === null ? `<m:SubscribeResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:SubscriptionId>${id}</m:SubscriptionId></m:SubscribeResponseMessage>` : `<m:SubscribeResponseMessage ResponseClass="Error"><m:MessageText>QUARTZFALCON</m:MessageText><m:ResponseCode>${code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey></m:SubscribeResponseMessage>`;
        say(response, `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:SubscribeResponse ${M}><m:ResponseMessages>${inner}</m:ResponseMessages></m:SubscribeResponse></s:Body></s:Envelope>`, 200, { "set-cookie": "X-BackEndOverrideCookie=exch1~1943; path=/; secure; HttpOnly" });
        return true;
      }
      if (!soap.includes("GetStreamingEvents")) return false;
      response.writeHead(200, { "content-type": "text/xml; charset=utf-8" });
      streams.push(response);
      const gone = (): void => {
        if (streams.includes(response)) streams.splice(streams.indexOf(response), 1);
      };
      response.on("close", gone);
      seen.socket.on("error", gone);
      response.write(SIGN_OF_LIFE);
      return true;
    },
    change(mailbox) {
      // A stream takes no notice of subscriptions that are another's.
      for (const [id, owner] of subscriptions) if (owner === mailbox) for (const stream of streams) stream.write(changeOf(id));
    },
  };
  return self;
}
