import { isDomainName, isWildcard, parseUrlHost } from "./address.ts";
import { readAuthorities, readKeyPair } from "./certificate.ts";
import type { KeyPair } from "./certificate.ts";
import type { ListenEntry } from "./config.ts";
import { text } from "./text.ts";
import { choice, list, map, optional, placed, required, scalar } from "./reader.ts";
import type { Placed, ReadContext, Reader, Reading } from "./reader.ts";

/** A listen address taken apart. */
interface ListenUrl {
  readonly url: string;
  readonly protocol: "udp" | "tcp" | "tls" | "ws" | "wss";
  readonly address: string;
  readonly port: number;
}

const defaultPorts = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 } as const;

/** Takes `tls://0.0.0.0:5061` or `wss://[::]:8443/sip` apart; null when it is no listen address. Port 0 stands for any free one. */
export function parseListenUrl(written: string): ListenUrl | null {
  const [, protocol, host = "", path = ""] = /^(udp|tcp|tls|ws|wss):\/\/([^/\s]+)(\/[^\s?#]*)?$/.exec(written) ?? [];
  if (protocol !== "udp" && protocol !== "tcp" && protocol !== "tls" && protocol !== "ws" && protocol !== "wss") return null;
  const endpoint = parseUrlHost(host, defaultPorts[protocol]);
  if (endpoint === null || (path !== "" && !protocol.startsWith("ws"))) return null;
  const { address, port } = endpoint;
  return { url: `${protocol}://${address.includes(":") ? `[${address}]` : address}:${String(port)}${path}`, protocol, address, port };
}

const listenUrl: Reader<ListenUrl> = scalar("an address such as udp://0.0.0.0:5060 (udp, tcp, tls, ws or wss, an IP address, a port)", (written) => parseListenUrl(written) ?? undefined);
const filePath = placed(text("the path of a PEM file", 1, 4096));
const certificateName: Reader<string> = scalar("a host name such as sip.example.test or *.example.test", (written) => {
  const name = written.toLowerCase();
  return isDomainName(name.replace(/^\*\./, "")) ? name : undefined;
});
const origin: Reader<string> = scalar("an origin such as https://phone.example.test", (written) => (/^https?:\/\/[^/\s]+$/i.test(written) ? written.toLowerCase() : undefined));
const noPath: Placed<string> = { value: "", offset: -1 };
/** A path that was refused already: it is not looked at again. */
const refusedPath: Placed<string> = { value: "", offset: 0 };

const sniKeys = {
  name: required("The name that clients ask for; `*.example.test` stands for every name one level below.", placed(certificateName), noPath),
  cert: required("Certificate chain, PEM file.", filePath, noPath),
  key: required("Its private key, PEM file.", filePath, noPath),
};

const entryKeys = {
  url: required("Protocol, IP address and port.", placed(listenUrl), { value: { url: "", protocol: "udp", address: "", port: 0 }, offset: -1 } as Placed<ListenUrl>),
  cert: optional("Certificate chain of a tls or wss address, PEM file.", filePath, noPath, "", refusedPath),
  key: optional("Its private key, PEM file.", filePath, noPath, "", refusedPath),
  network: optional("Name of the network behind this address. Signalling between two networks is bridged by a double Record-Route.", text("a word such as carriers", 1, 32, /^[A-Za-z0-9_-]+$/), "", "`default`"),
  sni: optional("More certificates, chosen by the name that the client asks for.", list(map(sniKeys), "a list of { name, cert, key }"), [], "none"),
  client_ca: optional("Authorities that client certificates are checked against, PEM file.", filePath, noPath, "", refusedPath),
  client_certificates: optional("Whether clients are asked for a certificate of `client_ca`.", placed(choice(["none", "optional", "required"])), { value: "none", offset: -1 } as Placed<"none" | "optional" | "required">, "`none`"),
  origins: optional("Web origins that may open a WebSocket (ws, wss).", placed(list(origin, "a list of origins such as https://phone.example.test")), { value: [], offset: -1 } as Placed<readonly string[]>, "any"),
};

/** A listen entry and what overlaps are judged by. */
interface PlacedListen {
  readonly entry: ListenEntry;
  readonly where: ListenUrl;
  readonly offset: number;
}

const entryMap = map(entryKeys);

const listenEntry: Reader<PlacedListen> = {
  wants: "an address such as udp://0.0.0.0:5060, or { url: … } with more keys",
  keys: entryKeys,
  read(value, name, context) {
    if (value.kind === "map") {
      const read = entryMap.read(value, name, context);
      return read === undefined || read.url.offset < 0 ? undefined : fullEntry(read, context);
    }
    const where = listenUrl.read(value, name, context);
    if (where === undefined) return undefined;
    if (where.protocol === "tls" || where.protocol === "wss") {
      context.report.mistake(value.offset, `${where.url} has no certificate`, `write { url: "${where.url}", cert: FILE, key: FILE }`);
    }
    return { entry: { url: where.url }, where, offset: value.offset };
  },
};

/** The list of addresses to listen on. */
export const listen: Reader<readonly ListenEntry[]> = {
  wants: "a list of addresses such as [udp://0.0.0.0:5060, tcp://0.0.0.0:5060]",
  keys: entryKeys,
  read(value, name, context) {
    const read = list(listenEntry, this.wants).read(value, name, context);
    if (read === undefined) return undefined;
    if (value.kind === "list" && value.items.length === 0) context.report.mistake(value.offset, `"${name}" is empty`, "write at least one address, such as udp://0.0.0.0:5060");
    read.forEach((entry, index) => {
      const other = read.slice(0, index).find((earlier) => overlap(earlier.where, entry.where));
      if (other === undefined) return;
      const wrong = other.where.url === entry.where.url ? `${entry.where.url} is listened on twice` : `${entry.where.url} is taken by ${other.where.url}`;
      context.report.mistake(entry.offset, wrong, "remove one, or write another port");
    });
    return read.map(({ entry }) => entry);
  },
};

/** True when the second of the two could not be bound. A UDP address may stand beside the wildcard of its port: the more special one gets the message. */
export function overlap(a: { readonly protocol: string; readonly address: string; readonly port: number }, b: typeof a): boolean {
  if ((a.protocol === "udp") !== (b.protocol === "udp") || a.port !== b.port || a.port === 0) return false;
  if (a.address === b.address) return true;
  const sameFamily = a.address.includes(":") === b.address.includes(":");
  return a.protocol !== "udp" && sameFamily && (isWildcard(a.address) || isWildcard(b.address));
}

function fullEntry(read: Reading<typeof entryKeys>, context: ReadContext): PlacedListen {
  const where = read.url.value;
  const isTls = where.protocol === "tls" || where.protocol === "wss";
  const pair = isTls ? ownPair(read, context) : undefined;
  if (!isTls) refuseTlsKeys(read, where, context);
  if (read.origins.offset >= 0 && !where.protocol.startsWith("ws")) context.report.mistake(read.origins.offset, `${where.protocol} knows no origins`, 'remove "origins"');
  const sni = read.sni.flatMap(({ name, cert, key }) => {
    const more = name.offset < 0 || cert.offset < 0 || key.offset < 0 ? undefined : readKeyPair(cert, key, context);
    return more === undefined ? [] : [{ name: name.value, ...more }];
  });
  read.sni.forEach(({ name }, index) => {
    const isTwice = name.offset >= 0 && read.sni.slice(0, index).some((earlier) => earlier.name.value === name.value);
    if (isTwice) context.report.mistake(name.offset, `${name.value} has a certificate already`, "remove one of them");
  });
  const clientCa = isTls && read.client_ca.value !== "" ? readAuthorities(read.client_ca, context) : undefined;
  const { client_certificates: clientCertificates } = read;
  if (isTls && clientCertificates.value !== "none" && read.client_ca.offset < 0) {
    context.report.mistake(clientCertificates.offset, `client certificates are ${clientCertificates.value} but no authority is named`, 'write "client_ca: FILE" beside it');
  }
  const entry: ListenEntry = {
    url: where.url,
    ...(read.network === "" ? {} : { network: read.network }),
    ...pair,
    ...(sni.length === 0 ? {} : { sni }),
    ...(clientCa === undefined ? {} : { clientCa }),
    ...(clientCertificates.offset < 0 ? {} : { clientCertificates: clientCertificates.value }),
    ...(read.origins.offset < 0 ? {} : { origins: read.origins.value }),
  };
  return { entry, where, offset: read.url.offset };
}

function ownPair({ url, cert, key }: Reading<typeof entryKeys>, context: ReadContext): KeyPair | undefined {
  for (const [name, file] of Object.entries({ cert, key })) {
    if (file.offset < 0) context.report.mistake(url.offset, `${url.value.url} has no "${name}"`, `write "${name}: FILE" beside it`);
  }
  if (cert.value !== "" && key.value !== "") return readKeyPair(cert, key, context);
  return undefined;
}

function refuseTlsKeys(read: Reading<typeof entryKeys>, where: ListenUrl, { report }: ReadContext): void {
  const { cert, key, client_ca, client_certificates } = read;
  for (const [name, written] of Object.entries({ cert, key, client_ca, client_certificates })) {
    if (written.offset > 0) report.mistake(written.offset, `${where.protocol} uses no certificates`, `remove "${name}", or write ${where.protocol === "ws" ? "wss" : "tls"} for encryption`);
  }
  const first = read.sni[0]?.name;
  if (first !== undefined && first.offset >= 0) report.mistake(first.offset, `${where.protocol} uses no certificates`, 'remove "sni"');
}
