import { isLoopback, parseUrlHost } from "./address.ts";
import type { Endpoint } from "./address.ts";
import type { WebConfig } from "./config.ts";
import { whole } from "./quantity.ts";
import { choice, map, optional, placed, scalar } from "./reader.ts";
import type { Key, Placed, ReadContext, Reader, Reading } from "./reader.ts";

const standard: Endpoint = { address: "127.0.0.1", port: 8080 };
const unwritten: Placed<string> = { value: "", offset: -1 };
const tokenMax = 512;
const EVENT_STREAMS = 200;

const webUrl: Reader<Endpoint> = {
  wants: "an address such as http://127.0.0.1:8080",
  read(value, name, context) {
    const written = value.kind === "scalar" ? value.text : "";
    const [, host = ""] = /^http:\/\/([^/\s]+)\/?$/i.exec(written) ?? [];
    const endpoint = parseUrlHost(host.replace(/^localhost(?=:|$)/i, "127.0.0.1"), 80);
    if (endpoint !== null) return /^localhost/i.test(host) ? { ...endpoint, address: "localhost" } : endpoint;
    if (/^https:\/\//i.test(written)) context.report.mistake(value.offset, `https for "${name}" is not supported yet`, "write http:// and put a TLS proxy in front");
    else scalar(this.wants, () => undefined).read(value, name, context);
    return undefined;
  },
};

const token = placed(secret("a token of visible characters without spaces, in quotes"));
const variable = placed(scalar("the name of an environment variable, such as LAMPLIGHT_TOKEN", (text) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? text : undefined)));

const webKeys = {
  listen: optional("Address of the pages and the API.", placed(webUrl), { value: standard, offset: -1 }, "`http://127.0.0.1:8080`"),
  token: optional("The bearer token of the API and the password of the pages.", token, unwritten, "none: nobody is let in"),
  token_env: optional("The environment variable that holds the token, instead of `token`.", variable, unwritten, ""),
  auth: optional("`none` lets everybody in; allowed on a loopback address alone.", placed(choice(["token", "none"])), { value: "token", offset: -1 } as Placed<"token" | "none">, "`token`"),
  event_streams: optional("Pages that follow what happens at one time; more are told to wait (503).", whole(1, 10_000), EVENT_STREAMS, "`200`"),
};

const webMap = map(webKeys);

const webReader: Reader<WebConfig> = {
  ...webMap,
  read(value, name, context) {
    const read = webMap.read(value, name, context);
    return read === undefined ? undefined : webConfig(read, context);
  },
};

/** The key `web` of the configuration. */
export const webSection: Key<WebConfig> = optional(
  "The pages, the API and `/metrics`.",
  webReader,
  { url: "http://127.0.0.1:8080", ...standard, auth: "token", token: null, eventStreamsMax: EVENT_STREAMS },
  "",
);

function webConfig({ listen, token, token_env, auth, event_streams: eventStreamsMax }: Reading<typeof webKeys>, context: ReadContext): WebConfig {
  const { address, port } = listen.value;
  if (auth.value === "none" && !isLoopback(address)) {
    context.report.mistake(auth.offset, `"web.auth: none" would let everybody in at ${address}`, "write http://127.0.0.1:8080 for \"web.listen\", or set a token");
  }
  if (token.offset >= 0 && token_env.offset >= 0) context.report.mistake(token_env.offset, '"web" has both "token" and "token_env"', "keep one of them");
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${String(port)}`;
  return { url, address, port, auth: auth.value, token: token.offset >= 0 ? token.value : environmentToken(token_env, context), eventStreamsMax };
}

function environmentToken({ value: variable, offset }: Placed<string>, { env, report }: ReadContext): string | null {
  if (offset < 0) return null;
  const token = env[variable];
  if (token !== undefined && isToken(token)) return token;
  if (token === undefined || token === "") report.mistake(offset, `the environment has no variable ${variable}`, `set ${variable} before the start, or write "token"`);
  else report.mistake(offset, `the variable ${variable} holds no token`, "set it to visible characters without spaces");
  return null;
}

function isToken(text: string): boolean {
  return text.length <= tokenMax && /^[\u0021-\u007e]+$/.test(text);
}

function secret(wants: string): Reader<string> {
  return {
    wants,
    read(value, name, context) {
      if (value.kind === "scalar" && isToken(value.text)) return value.text;
      context.report.mistake(value.offset, `this does not fit "${name}"`, `write ${wants}`);
      return undefined;
    },
  };
}
