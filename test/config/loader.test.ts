import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/base/errors.ts";
import { loadConfig } from "../../src/config/loader.ts";
import { fixtures, folderWith, goodDirectory, loaded, mistakesOf } from "./config-folder.ts";

const top = "domain: tel.example.test\n";
const address = "an address such as udp://0.0.0.0:5060 (udp, tcp, tls, ws or wss, an IP address, a port)";
const variable = "or write the value itself ($${ stands for a plain ${)";

/** What follows `domain:` in the configuration, from line 2 on, and the mistakes it must give. */
const badConfigurations: readonly (readonly [name: string, text: string, mistakes: readonly string[]])[] = [
  ["a near miss of a key", "lisen: [udp://0.0.0.0:5060]", ['2:1: unknown key "lisen"; write "listen"']],
  ["a near miss in a section", "log: { levle: info }", ['2:8: unknown key "levle"; write "level"']],
  ["hyphens for underscores", "contacts-per-user: 3", ['2:1: unknown key "contacts-per-user"; write "contacts_per_user"']],
  ["a near miss of a later key", "trunk: []", ['2:1: unknown key "trunk"; remove it ("trunks" is not supported yet)']],
  ["a key near to nothing", "log: { colour: red }", ['2:8: unknown key "colour"; remove it, or write one of level, sip']],
  ["a key that is written twice", "workers: 1\nworkers: 1", ['3:1: "workers" is written twice; keep one of them']],
  ["a key without a value", "store:", ['2:1: "store" has no value; write a folder such as ./data, or remove the key']],
  ["a map for a word", "role: { a: b }", ['2:7: a map does not fit "role"; write main']],
  ["a word for a map", "log: loud", ['2:6: "loud" does not fit "log"; write a map with keys']],
  ["a word for a list", "listen: udp://0.0.0.0:5060", ['2:9: "udp://0.0.0.0:5060" does not fit "listen"; write a list of addresses such as [udp://0.0.0.0:5060, tcp://0.0.0.0:5060]']],
  ["a word for a number", "contacts_per_user: ten", ['2:20: "ten" does not fit "contacts_per_user"; write a whole number from 1 to 1000']],
  ["a quoted number for a number", 'contacts_per_user: "10"', ['2:20: "10" does not fit "contacts_per_user"; write a whole number from 1 to 1000']],
  ["a number out of range", "contacts_per_user: 0", ['2:20: "0" does not fit "contacts_per_user"; write a whole number from 1 to 1000']],
  ["yes for true", "log: { sip: yes }", ['2:13: "yes" does not fit "log.sip"; write true or false']],
  ["true for a name", "node: true", ['2:7: "true" does not fit "node"; write a name such as laurel']],
  ["a near miss of a word", "presence: { early: rining }", ['2:20: "rining" does not fit "presence.early"; write ringing']],
  ["another role", "role: lifeguard", ['2:7: "role: lifeguard" is not supported yet; write main']],
  ["a role that is none", "role: boss", ['2:7: "boss" does not fit "role"; write main']],
  ["another durability", "durability: half", ['2:13: "half" does not fit "durability"; write fast or full']],
  ["more workers", "workers: 2", ['2:10: "workers: 2" is not supported yet; write 1']],
  ["a redis store, its password unsaid", "store: redis://u:secret@host:6379/0", ['2:8: "store: redis://…" is not supported yet; write a folder such as ./data']],
  ["presence that is half merged", "presence: { merge: half }", ['2:20: "half" does not fit "presence.merge"; write true or false']],
  ["notifies slower than anyone can want", "presence: { notify_interval: 2h }", ['2:30: "2h" does not fit "presence.notify_interval"; write a value from 0s to 1h']],
  ["a time without unit", "dialogs: { age_max: 3600 }", ["2:21: 3600 has no unit; write 3600s, a time such as 12h"]],
  ["a time that is none", "dialogs: { age_max: 1 fortnight }", ['2:21: "1 fortnight" does not fit "dialogs.age_max"; write a time such as 12h']],
  ["a time that is too short", "dialogs: { age_max: 500ms }", ['2:21: "500ms" does not fit "dialogs.age_max"; write a value from 1m to 30d']],
  ["a size without unit", "limits: { message_size: 32768 }", ["2:25: 32768 has no unit; write 32768B, a size such as 32kB"]],
  ["a rate that is none", "authentication: { guesses: often }", ['2:28: "often" does not fit "authentication.guesses"; write a rate such as 5/min']],
  ["a default above max", "register_expires: { default: 2h, max: 1h }", ['2:30: "register_expires.default" is not between min and max; write 1m to 1h']],
  ["min above max", "register_expires: { min: 2h, max: 1h }", ['2:26: "register_expires.min" is above "register_expires.max"; write at most 1h']],
  ["max below the standard min", "register_expires: { max: 10s }", ['2:26: "register_expires.min" is above "register_expires.max"; write at least 1m']],
  ["an unknown algorithm", "authentication: { algorithms: [MD5, SHA-1] }", ['2:37: "SHA-1" does not fit "authentication.algorithms"; write MD5 or SHA-256']],
  ["no algorithm", "authentication: { algorithms: [] }", ["2:31: no algorithm is offered; write [MD5]"]],
  ["an algorithm twice", "authentication: { algorithms: [MD5, MD5] }", ["2:31: an algorithm is listed twice; remove one of them"]],
  ["a network with host bits", "authentication: { trusted_networks: [10.0.0.1/8] }", ['2:38: "10.0.0.1/8" does not fit "authentication.trusted_networks"; write 10.0.0.0/8 for the network, or 10.0.0.1 for the one address']],
  ["a network that is none", "authentication: { trusted_networks: [10.0.0.0/33] }", ['2:38: "10.0.0.0/33" does not fit "authentication.trusted_networks"; write a network such as 10.0.0.0/8, or one address']],
  ["a name server without address", "resolver: { servers: [dns.example.test] }", ['2:23: "dns.example.test" does not fit "resolver.servers"; write an IP address, with a port if it is not 53, such as 192.0.2.53 or 192.0.2.53:5353']],
  // listen
  ["no listen address", "listen: []", ['2:9: "listen" is empty; write at least one address, such as udp://0.0.0.0:5060']],
  ["an unknown protocol", "listen: [sctp://0.0.0.0:5060]", [`2:10: "sctp://0.0.0.0:5060" does not fit "listen"; write ${address}`]],
  ["a host name for an address", "listen:\n  - udp://localhost:5060", [`3:5: "udp://localhost:5060" does not fit "listen"; write ${address}`]],
  ["a bad IPv4 address", "listen: [udp://300.0.0.1:5060]", [`2:10: "udp://300.0.0.1:5060" does not fit "listen"; write ${address}`]],
  ["IPv6 without brackets", 'listen: ["udp://::1:5060"]', [`2:10: "udp://::1:5060" does not fit "listen"; write ${address}`]],
  ["a port too high", "listen: [udp://0.0.0.0:65536]", [`2:10: "udp://0.0.0.0:65536" does not fit "listen"; write ${address}`]],
  ["a path on udp", "listen: [udp://0.0.0.0:5060/sip]", [`2:10: "udp://0.0.0.0:5060/sip" does not fit "listen"; write ${address}`]],
  ["one address twice", "listen: [udp://0.0.0.0:5060, tcp://0.0.0.0:5060, udp://0.0.0.0:5060]", ["2:50: udp://0.0.0.0:5060 is listened on twice; remove one, or write another port"]],
  ["one TCP port for two protocols", "listen: [tcp://0.0.0.0:5060, ws://0.0.0.0:5060]", ["2:30: ws://0.0.0.0:5060 is taken by tcp://0.0.0.0:5060; remove one, or write another port"]],
  ["a TCP port that the wildcard has", "listen: [tcp://0.0.0.0:5060, tcp://10.0.0.1:5060]", ["2:30: tcp://10.0.0.1:5060 is taken by tcp://0.0.0.0:5060; remove one, or write another port"]],
  ["tls without a certificate", "listen: [tls://0.0.0.0:5061]", ['2:10: tls://0.0.0.0:5061 has no certificate; write { url: "tls://0.0.0.0:5061", cert: FILE, key: FILE }']],
  ["wss without a key", 'listen: [{ url: "wss://0.0.0.0:8443", cert: server.pem }]', ['2:17: wss://0.0.0.0:8443 has no "key"; write "key: FILE" beside it']],
  ["a missing certificate file", 'listen: [{ url: "tls://0.0.0.0:5061", cert: ./no.pem, key: server.key }]', ["2:45: ./no.pem cannot be read (no such file); write the path of a PEM file with a certificate"]],
  ["a key file for a certificate", 'listen: [{ url: "tls://0.0.0.0:5061", cert: server.key, key: server.key }]', ["2:45: server.key holds no certificate; write the path of a PEM file that has a BEGIN CERTIFICATE line"]],
  ["a certificate for a key", 'listen: [{ url: "tls://0.0.0.0:5061", cert: server.pem, key: server.pem }]', ["2:62: server.pem holds no private key; write the path of a PEM file that has a BEGIN PRIVATE KEY line"]],
  ["a key of another certificate", 'listen: [{ url: "tls://0.0.0.0:5061", cert: server.pem, key: other.key }]', ["2:62: the key in other.key does not belong to the certificate in server.pem; write the key that the certificate was made with"]],
  ["a locked key", 'listen: [{ url: "tls://0.0.0.0:5061", cert: server.pem, key: locked.key }]', ["2:62: the key in locked.key is locked by a passphrase; write the path of a key without one"]],
  ["a damaged certificate", 'listen: [{ url: "tls://0.0.0.0:5061", cert: damaged.pem, key: server.key }]', ["2:45: the certificate in damaged.pem is damaged; write the path of a whole PEM file"]],
  ["a certificate on udp", 'listen: [{ url: "udp://0.0.0.0:5060", cert: server.pem }]', ['2:45: udp uses no certificates; remove "cert", or write tls for encryption']],
  ["origins on tcp", 'listen: [{ url: "tcp://0.0.0.0:5060", origins: ["https://a.test"] }]', ['2:48: tcp knows no origins; remove "origins"']],
  ["client certificates of no authority", 'listen: [{ url: "tls://0.0.0.0:5061", cert: server.pem, key: server.key, client_certificates: required }]', ['2:95: client certificates are required but no authority is named; write "client_ca: FILE" beside it']],
  ["a second certificate for one name", "listen:\n  - url: tls://0.0.0.0:5061\n    cert: server.pem\n    key: server.key\n    sni:\n      - { name: b.test, cert: other.pem, key: other.key }\n      - { name: B.test, cert: other.pem, key: other.key }\n      - { name: b_b, cert: other.pem }", [
    "8:17: b.test has a certificate already; remove one of them",
    '9:9: "listen.sni.key" is missing; write "key: …", the path of a PEM file',
    '9:17: "b_b" does not fit "listen.sni.name"; write a host name such as sip.example.test or *.example.test',
  ]],
  ["a listen map without url", "listen: [{ network: a }]", ['2:10: "listen.url" is missing; write "url: …", an address such as udp://0.0.0.0:5060 (udp, tcp, tls, ws or wss, an IP address, a port)']],
  // web
  ["open pages on every address", 'web: { listen: "http://0.0.0.0:8080", auth: none }', ['2:45: "web.auth: none" would let everybody in at 0.0.0.0; write http://127.0.0.1:8080 for "web.listen", or set a token']],
  ["open pages on a network card", 'web: { listen: "http://[2001:db8::1]:8080", auth: none }', ['2:51: "web.auth: none" would let everybody in at 2001:db8::1; write http://127.0.0.1:8080 for "web.listen", or set a token']],
  ["encrypted pages", 'web: { listen: "https://127.0.0.1:8080" }', ['2:16: https for "web.listen" is not supported yet; write http:// and put a TLS proxy in front']],
  ["a web address that is none", "web: { listen: 8080 }", ['2:16: "8080" does not fit "web.listen"; write an address such as http://127.0.0.1:8080']],
  ["a token variable that is not set", "web: { token_env: NOBODY }", ['2:19: the environment has no variable NOBODY; set NOBODY before the start, or write "token"']],
  ["two tokens", "web: { token: abc, token_env: TOKEN }", ['2:31: "web" has both "token" and "token_env"; keep one of them']],
  ["a bad token, unsaid", 'web: { token: "a b" }', ['2:15: this does not fit "web.token"; write a token of visible characters without spaces, in quotes']],
  ["pages on a port of SIP", 'listen: [ws://0.0.0.0:8080]\nweb: { listen: "http://127.0.0.1:8080", token: abc }', ['3:6: http://127.0.0.1:8080 of "web" is taken by ws://0.0.0.0:8080 of "listen"; write another port for one of them']],
  // environment
  ["a variable that is not set", "log: { level: info }\nnode: ${NO_SUCH}", [`3:7: the environment has no variable NO_SUCH; set NO_SUCH, ${variable}`]],
  ["a variable within a text", 'node: "a-${NO_SUCH}-${TOKEN}"', [`2:10: the environment has no variable NO_SUCH; set NO_SUCH, ${variable}`]],
  ["a variable without a name", "node: ${a-b}", ['2:7: "${a-b}" names no environment variable; write ${NAME}, or $${ for a plain ${']],
  // YAML
  ["a tab", "log:\n\tsip: true", ["3:1: tabs are not allowed as indentation; indent with spaces"]],
  ["an open quote", 'node: "laurel\nworkers: 1\n', ["2:7: missing closing \"quote; add what is missing"]],
  ["an open bracket", "listen: [udp://0.0.0.0:5060\nworkers: 1\n", ["3:1: flow sequence in block collection must be sufficiently indented and end with a ]; indent it like the lines of the same level"]],
  ["a colon within a value", "node: a: b", ['2:7: nested mappings are not allowed in compact mappings; start a new line, or put the value in "quotes"']],
  ["two syntax errors", "node: a: b\nlog: c: d", [
    '2:7: nested mappings are not allowed in compact mappings; start a new line, or put the value in "quotes"',
    '3:6: nested mappings are not allowed in compact mappings; start a new line, or put the value in "quotes"',
  ]],
  ["a second document", "---\nnode: a", ["2:1: a second document starts here; keep one document a file and remove the line ---"]],
  ["a tag", "node: !secret laurel", ["2:7: unresolved tag: !secret; remove the tag and write the plain value"]],
  ["an alias of nothing", "node: *laurel", ['2:7: nothing is named &laurel; name a value with & before this line, or put the text in "quotes"']],
  ["an alias of itself", "log: &log { level: *log }", ["2:20: *log contains itself; write the value out"]],
  ["a list for a key", "? [a]\n: b", ['2:3: a key must be a plain word; write "key: value"']],
  ["endless brackets", `x: ${"[".repeat(20_000)}`, ["2:4: more than 100 brackets open one within the other; remove them"]],
  // directory
  ["a directory that is not there", "directory: ./people.yaml", ["2:12: people.yaml cannot be read (no such file); make the file, or write the path of another"]],
  ["a folder for the directory", "directory: .", ["2:12: . cannot be read (it is a folder); make the file, or write the path of another"]],
];

describe("a bad configuration is refused with the place and the mend:", () => {
  test.each(badConfigurations)("%s", (_, text, expected) => {
    const damaged = readFileSync(join(fixtures, "server.pem"), "latin1").replace(/\n[A-Za-z0-9+/]{20}/, "\nAAAA");
    const folder = folderWith({ "lamplight.yaml": top + text, "directory.yaml": goodDirectory, "damaged.pem": damaged });
    const lines = refusal(join(folder, "lamplight.yaml"), { TOKEN: "abc" }).map((line) => line.replaceAll(`${folder}/`, "").replace(/^lamplight\.yaml:/, ""));
    expect(lines.map((line) => line.replace(folder, "."))).toEqual(expected);
  });
});

const badDirectories: readonly (readonly [name: string, directory: string, mistakes: readonly string[]])[] = [
  ["two users of one id", 'users:\n  - { id: "101", password: a }\n  - { id: "101", password: b }', ['3:11: "101" is the id of two users; write another id']],
  ["an alias of two", 'users:\n  - { id: "101", password: a, aliases: [alice] }\n  - { id: "102", password: b, aliases: [ALICE] }', ['3:41: "ALICE" is an alias of user "101" already; write another, or remove one of them']],
  ["an alias that is an id", 'users:\n  - { id: "101", password: a, aliases: ["102"] }\n  - { id: "102", password: b }', ['2:41: "102" is the id of user "102" already; write another, or remove one of them']],
  ["a number of two", 'users:\n  - { id: "101", password: a, numbers: ["+32 475 1"] }\n  - { id: "102", password: b, numbers: ["+32-4751"] }', ['3:41: "+32-4751" is a number of user "101" already; write another, or remove one of them']],
  ["a user without id", "users:\n  - { name: Alice, password: a }", ['2:5: "users.id" is missing; write "id: …", a word such as "101", of letters, digits and -_.!~*\'()&=+$,/']],
  ["an id with a space", 'users: [{ id: "1 01", password: a }]', ['1:15: "1 01" does not fit "users.id"; write a word such as "101", of letters, digits and -_.!~*\'()&=+$,/']],
  ["an alias with an at-sign", 'users: [{ id: "101", password: a, aliases: [a@b] }]', ['1:45: "a@b" does not fit "users.aliases"; write a word such as alice']],
  ["an empty password, unsaid", 'users: [{ id: "101", password: "" }]', ['1:32: this does not fit "users.password"; write 1 to 256 characters in quotes']],
  ["a user without a password", 'users:\n  - { id: "101" }', ['2:5: user "101" has no password; write "password: …", or "ha1: { MD5: … }"']],
  ["a password and hashes", `users: [{ id: "101", password: a, ha1: { MD5: ${"0".repeat(32)} } }]`, ['1:40: user "101" has both "password" and "ha1"; keep one of them']],
  ["hashes without the offered one", `users: [{ id: "101", ha1: { SHA-256: ${"0".repeat(64)} } }]`, ['1:27: "ha1" of user "101" has no MD5, which "authentication.algorithms" offers; write "MD5: …" in it, or a password']],
  ["a short hash", 'users: [{ id: "101", ha1: { MD5: abc } }]', ['1:34: "abc" does not fit "users.ha1.MD5"; write 32 hexadecimal digits: the hash of id:domain:password']],
  ["a misspelt password, once", 'users: [{ id: "101", pasword: a }]', ['1:22: unknown key "pasword"; write "password"']],
  ["an inbound word", 'users: [{ id: "101", password: a, inbound: all }]', ['1:44: "all" does not fit "users.inbound"; write none or anyone']],
  ["a map of users", "users: { alice: 1 }", ['1:8: a map does not fit "users"; write a list of users']],
  ["an unset variable for a password", 'users: [{ id: "101", password: "${NO_SUCH}" }]', [`1:33: the environment has no variable NO_SUCH; set NO_SUCH, ${variable}`]],
];

test.each(badDirectories)("a bad directory is refused with the place and the mend: %s", (_, directory, expected) => {
  expect(mistakesOf(top, directory)).toEqual(expected.map((line) => `directory.yaml:${line}`));
});

test("all mistakes of both files are told at once, by file, line and column", () => {
  const config = 'lisen: []\nworkers: 2\nlog: { level: loud, sip: maybe }\ncalendars:\n  - { kind: ews }\n';
  const directory = 'users:\n  - { id: "101", password: a, site: mons }\n  - { id: "101" }\nsites: []\n';
  expect(mistakesOf(config, directory)).toEqual([
    'lamplight.yaml:1:1: unknown key "lisen"; write "listen"',
    'lamplight.yaml:1:1: "domain" is missing; write "domain: …", a domain such as tel.example.test',
    'lamplight.yaml:2:10: "workers: 2" is not supported yet; write 1',
    'lamplight.yaml:3:15: "loud" does not fit "log.level"; write debug, info, warn, error or silent',
    'lamplight.yaml:3:26: "maybe" does not fit "log.sip"; write true or false',
    'lamplight.yaml:5:13: a calendar of kind ews needs "url"; write "url: …" beside it',
    'lamplight.yaml:5:13: a calendar of kind ews needs "username"; write "username: …" beside it',
    'directory.yaml:2:31: "users.site" is not supported yet; remove it',
    'directory.yaml:3:5: user "101" has no password; write "password: …", or "ha1: { MD5: … }"',
    'directory.yaml:3:11: "101" is the id of two users; write another id',
    'directory.yaml:4:1: unknown key "sites"; remove it, or write one of users, groups, lists',
  ]);
});

test("a broken configuration does not hide the mistakes of the directory", () => {
  expect(mistakesOf("domain: [\n", 'users: [{ id: "101" }]')).toEqual([
    expect.stringMatching(/^lamplight\.yaml:\d+:\d+: /),
    expect.stringMatching(/^directory\.yaml:1:9: user "101" has no password; /),
  ]);
});

test("an empty configuration lacks its domain, and text that is none has no keys", () => {
  const missing = 'lamplight.yaml:1:1: "domain" is missing; write "domain: …", a domain such as tel.example.test';
  expect(mistakesOf("")).toEqual([missing]);
  expect(mistakesOf("# nothing\n")).toEqual([missing]);
  expect(mistakesOf("hello\n")).toEqual(['lamplight.yaml:1:1: this is not a list of keys; write lines of the form "key: value"']);
  expect(mistakesOf("domian: tel.example.test\n")).toEqual(['lamplight.yaml:1:1: unknown key "domian"; write "domain"']);
});

test.each(["a b", "sip:tel.test", "tel.test:5060", "-a.test", "a..test", "tel_test", "::1", "a".repeat(64), "5"])("the domain %s is refused", (domain) => {
  expect(mistakesOf(`domain: "${domain}"\n`)).toEqual([expect.stringMatching(/^lamplight\.yaml:1:9: .* does not fit "domain"; write a domain such as tel\.example\.test$/)]);
});

test("a file that is not UTF-8 is refused at the first bad character", () => {
  expect(mistakesOf(Buffer.from(`${top}# caf\xe9\n`, "latin1"))).toEqual(["lamplight.yaml:2:6: this is not UTF-8 text; save the file as UTF-8"]);
});

test("aliases that grow without bound are refused", () => {
  const levels = Array.from({ length: 9 }, (_, level) => `    - &l${String(level)} [${Array.from({ length: 9 }, () => (level === 0 ? "x" : `*l${String(level - 1)}`)).join(", ")}]`);
  const mistakes = mistakesOf(`${top}authentication:\n  trusted_networks:\n${levels.join("\n")}\n`);
  expect(mistakes.filter((line) => line.includes("aliases stand for more than 10000 values; write the values out"))).toHaveLength(1);
});

test("lists within lists without end are refused", () => {
  const mistakes = mistakesOf(`${top}listen:\n  ${"- ".repeat(20_000)}x\n`);
  expect(mistakes).toContainEqual(expect.stringMatching(/^lamplight\.yaml:3:\d+: this is nested too deeply; write it flatter$/));
});

test("an alias stands for the value that it names", () => {
  const { config } = loaded(`${top}register_expires: &times { default: 2h, max: 3h }\npresence: { subscribe_expires: *times }\n`);
  expect(config.presence.subscribeExpires).toEqual(config.registerExpires);
});

test("a configuration that cannot be read says so", () => {
  const folder = folderWith({});
  expect(refusal(join(folder, "none.yaml"))).toEqual([`${folder}/none.yaml:1:1: this file cannot be read (no such file); write it, or name another with "--config FILE"`]);
  expect(refusal(folder)).toEqual([`${folder}:1:1: this file cannot be read (it is a folder); write it, or name another with "--config FILE"`]);
});

test("files are named as the user would: the configuration as given, the directory beside it", () => {
  const folder = folderWith({ "lamplight.yaml": "domain: [x]\n", "directory.yaml": "user: []\n" });
  const given = join(folder, ".", "lamplight.yaml");
  expect(refusal(given).map((line) => line.split(": ")[0])).toEqual([`${given}:1:9`, `${dirname(given)}/directory.yaml:1:1`]);
});

test("every key of the contract's examples that is not supported yet is refused by that name, none as unknown", () => {
  const config = readFileSync(join(fixtures, "contract-lamplight.yaml"), "utf8");
  const mistakes = mistakesOf(config, readFileSync(join(fixtures, "contract-directory.yaml"), "utf8"), { LAMPLIGHT_TOKEN: "abc" });
  const later = mistakes.flatMap((line) => /^(\S+ )?(?:[^:]+):\d+:\d+: "([^"]+)" is not supported yet; remove it$/.exec(line)?.[2] ?? []);
  expect(new Set(later)).toEqual(
    new Set([
      ...["features", "ringing", "sites", "unknown_networks", "dns", "dhcp", "cluster", "trunks", "routes"],
      ...["dialplan", "blocked", "limits.dialled", "limits.caller", "limits.requests", "media_servers", "media", "topology_hiding", "capture", "script"],
      ...["site", "mobile", "forward", "ring", "calls", "boss_filter"].map((key) => `users.${key}`),
      ...["ring", "pickup", "notify_pickup"].map((key) => `groups.${key}`),
    ]),
  );
  const rest = mistakes.filter((line) => !line.endsWith("is not supported yet; remove it"));
  expect(rest).toHaveLength(7);
  for (const line of rest) expect(line).toMatch(/^lamplight\.yaml:(?:1[45]:.* cannot be read |4[679]:.* the environment has no variable )/);
});

test("the supported rest of the contract's examples is right", () => {
  const later = /^(?:domains|calendars|features|ringing|sites|unknown_networks|dns|dhcp|cluster|trunks|routes|dialplan|blocked|media_servers|media|topology_hiding|capture|script):/;
  const config = withoutKeys(readFileSync(join(fixtures, "contract-lamplight.yaml"), "utf8"), later)
    .replace(/limits:.*/, "limits: { message_size: 32kB }")
    .replaceAll("./tls/server", "server");
  expect(loaded(config, goodDirectory, { LAMPLIGHT_TOKEN: "abc" }).config.listen.map((entry) => entry.url)).toEqual([
    "udp://0.0.0.0:5060",
    "tcp://0.0.0.0:5060",
    "tls://0.0.0.0:5061",
    "wss://0.0.0.0:8443/sip",
    "udp://203.0.113.10:5060",
  ]);
});

test("a configuration of a domain alone has every default", () => {
  const folder = folderWith({ "lamplight.yaml": "domain: Tel.Example.Test\n" });
  const { config, directory, files, warnings } = loadConfig(join(folder, "lamplight.yaml"), {});
  expect(config).toEqual({
    domain: "tel.example.test",
    role: "main",
    node: expect.stringMatching(/./) as string,
    listen: [{ url: "udp://0.0.0.0:5060" }, { url: "tcp://0.0.0.0:5060" }],
    workers: 1,
    storePath: join(folder, "data"),
    durability: "fast",
    authentication: { require: "all", algorithms: ["MD5"], guesses: { count: 5, perMs: 60_000 }, trustedNetworks: [] },
    registerExpires: { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 },
    contactsPerUserMax: 10,
    dialogs: { ageMaxMs: 43_200_000, probeMs: 60_000, endDead: false },
    web: { url: "http://127.0.0.1:8080", address: "127.0.0.1", port: 8080, auth: "token", token: null, eventStreamsMax: 200 },
    log: { level: "info", sip: false },
    directoryPath: join(folder, "directory.yaml"),
    presence: {
      merge: true,
      primarySource: "calendar",
      imToRpid: true,
      early: "ringing",
      basicFrom: "reachability",
      notifyIntervalMs: 0,
      historyBytesMax: 67_108_864,
      publishExpires: { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 7200 },
      subscribeExpires: { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 86_400 },
      anyoneInDomainMayWatch: true,
    },
    limits: { messageBytesMax: 32_768, connectionsMax: 20_000, connectionsPerAddressMax: 12_000, subscribe: { perAddress: null, perUserAgent: null, perEvent: null } },
    resolverServers: [],
    phones: [],
    calendars: [],
  });
  expect(directory).toEqual({ users: [] });
  expect(files).toEqual([join(folder, "lamplight.yaml")]);
  expect(warnings).toEqual(['"web" has no token: nobody is let into the pages and the API; write "token" or "token_env"', `there is no ${folder}/directory.yaml: nobody can register`]);
});

test("values are read in all their forms", () => {
  const { config, directory } = loaded(
    `${top}node: \${NODE}-2
listen:
  - UDP://[::]:5060
  - udp://127.0.0.1
  - { url: "tls://[2001:DB8::1]", cert: server.pem, key: server.key, network: carriers, client_ca: other.pem, client_certificates: optional }
  - url: wss://0.0.0.0:8443/sip
    cert: server.pem
    key: server.key
    sni: [{ name: "*.Other.test", cert: other.pem, key: other.key }]
    origins: ["https://Phone.test"]
authentication: { require: register, algorithms: [SHA-256, MD5], guesses: 10/h, trusted_networks: [10.0.0.0/8, 192.0.2.1, "2001:db8::/32"] }
register_expires: { max: 30m }
dialogs: { age_max: 90m }
web: { listen: "http://localhost:9090", auth: none }
resolver: { servers: [192.0.2.53, "192.0.2.53:5353", "[::1]:53", "::1"] }
limits: { message_size: 1MB, connections: "\${MANY}", subscribe: { per_address: 100/min, per_user_agent: 5/s } }\nlog: { sip: "\${SIP}" }
store: /var/lib/lamplight
`.replace("UDP", "udp"),
    `users:
  - { id: 101, name: "Zoë \\"Z\\" Adams", aliases: [zoe], numbers: ["+32 (475) 00-01"], inbound: anyone, password: "$\${x}" }
  - { id: "102", ha1: { MD5: ${"A".repeat(32)}, SHA-256: ${"b".repeat(64)} } }
`,
    { NODE: "laurel", MANY: "77", SIP: "true" },
  );
  const [pem, key, otherPem, otherKey] = ["server.pem", "server.key", "other.pem", "other.key"].map((name) => readFileSync(join(fixtures, name), "latin1"));
  expect(config.node).toBe("laurel-2");
  expect(config.listen).toEqual([
    { url: "udp://[::]:5060" },
    { url: "udp://127.0.0.1:5060" },
    { url: "tls://[2001:db8::1]:5061", network: "carriers", cert: pem, key, clientCa: otherPem, clientCertificates: "optional" },
    { url: "wss://0.0.0.0:8443/sip", cert: pem, key, sni: [{ name: "*.other.test", cert: otherPem, key: otherKey }], origins: ["https://phone.test"] },
  ]);
  expect(config.authentication).toEqual({
    require: "register",
    algorithms: ["SHA-256", "MD5"],
    guesses: { count: 10, perMs: 3_600_000 },
    trustedNetworks: ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"],
  });
  expect(config.registerExpires).toEqual({ defaultSeconds: 1800, minSeconds: 60, maxSeconds: 1800 });
  expect(config.dialogs.ageMaxMs).toBe(5_400_000);
  expect(config.web).toEqual({ url: "http://localhost:9090", address: "localhost", port: 9090, auth: "none", token: null, eventStreamsMax: 200 });
  expect(config.resolverServers).toEqual([{ address: "192.0.2.53", port: 53 }, { address: "192.0.2.53", port: 5353 }, { address: "::1", port: 53 }, { address: "::1", port: 53 }]);
  expect(config.limits).toMatchObject({ messageBytesMax: 1_048_576, connectionsMax: 77, subscribe: { perAddress: { count: 100, perMs: 60_000 }, perUserAgent: { count: 5, perMs: 1000 }, perEvent: null } });
  expect(config.log.sip).toBe(true);
  expect(config.storePath).toBe("/var/lib/lamplight");
  expect(directory.users).toEqual([
    { id: "101", name: 'Zoë "Z" Adams', aliases: ["zoe"], numbers: ["+32 (475) 00-01"], inbound: "anyone", secret: { kind: "password", password: "${x}" } },
    { id: "102", name: "102", aliases: [], numbers: [], inbound: "none", secret: { kind: "ha1", md5: "a".repeat(32), sha256: "b".repeat(64) } },
  ]);
});

test("a user needs no password when nobody is asked for one", () => {
  const { directory, warnings } = loaded(`${top}web: { token: abc }\nauthentication: { require: none }\n`, 'users: [{ id: "101" }]');
  expect(directory.users[0]?.secret).toEqual({ kind: "none" });
  expect(warnings).toEqual(['"authentication.require: none" takes any user of the domain at his word: for benchmarks alone']);
});

test("a udp address may stand beside the wildcard of its port, and port 0 beside itself", () => {
  expect(mistakesOf(`${top}listen: [udp://0.0.0.0:5060, udp://203.0.113.10:5060, tcp://127.0.0.1:0, ws://127.0.0.1:0]\n`)).toEqual([]);
});

test("a certificate out of its dates is a warning", () => {
  const config = `${top}web: { token: abc }\nlisten: [{ url: "tls://0.0.0.0:5061", cert: server.pem, key: server.key }]\n`;
  expect(loaded(config, goodDirectory, {}, Date.parse("3000-01-01")).warnings).toEqual([expect.stringMatching(/^the certificate in server\.pem has expired \(.*\): phones will refuse it$/)]);
  expect(loaded(config, goodDirectory, {}, Date.parse("2000-01-01")).warnings).toEqual([expect.stringMatching(/^the certificate in server\.pem is not valid before .*: phones will refuse it$/)]);
});

test("files with secrets that everyone can read are a warning", () => {
  const folder = folderWith({ "lamplight.yaml": `${top}web: { token: abc }\n`, "directory.yaml": goodDirectory });
  const path = join(folder, "lamplight.yaml");
  expect(loadConfig(path, {}).warnings).toEqual([]);
  chmodSync(path, 0o644);
  chmodSync(join(folder, "directory.yaml"), 0o644);
  expect(loadConfig(path, {}).warnings).toEqual([
    `${path} holds a token and everyone on this machine can read it; run "chmod 600 ${path}"`,
    `${folder}/directory.yaml holds passwords and everyone on this machine can read it; run "chmod 600 ${folder}/directory.yaml"`,
  ]);
  writeFileSync(path, `${top}web: { token_env: TOKEN }\n`);
  expect(loadConfig(path, { TOKEN: "abc" }).warnings).toHaveLength(1);
});

test("the examples at the project's root have no mistakes", () => {
  const root = join(fixtures, "../../..");
  const { config, directory } = loadConfig(join(root, "lamplight.example.yaml"), { LAMPLIGHT_TOKEN: "abc" });
  expect(config.domain).toBe("tel.example.test");
  expect(directory.users.map((user) => user.id)).toEqual(["101", "102", "103", "104"]);
});

function refusal(path: string, env: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig(path, env);
  } catch (err) {
    if (err instanceof ConfigError) return err.mistakes;
    throw err;
  }
  return [];
}

/** YAML text without the top-level keys of a pattern and what belongs to them. */
function withoutKeys(text: string, keys: RegExp): string {
  let isDropped = false;
  const kept = text.split("\n").filter((line) => {
    if (/^\S/.test(line)) isDropped = keys.test(line);
    return !isDropped;
  });
  return kept.join("\n");
}
