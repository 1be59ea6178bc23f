/** Whether the `uri` of digest credentials may stand for this request (RFC 7616 §3.4.6 asks for the same resource).
 *  The field needs it loose: phones leave out port and parameters, name their outbound proxy or the bare domain, escape differently, and a
 *  proxy on the way may have rewritten the Request-URI (RFC 3261 §22.3). So it fits when the user part, if it has one, is the request's, and the host
 *  is the request's or one that `isOurs` knows. What this leaves to a thief of credentials is little: the method is hashed, and each nonce count serves once. */
export function digestUriFits(digestUri: string, requestUri: string, isOurs: (host: string) => boolean): boolean {
  if (digestUri === requestUri) return true;
  const said = partsOf(digestUri);
  const asked = partsOf(requestUri);
  if (said === null) return false;
  if (said.user !== null && asked !== null && said.user !== asked.user) return false;
  return said.host === null || said.host === asked?.host || isOurs(said.host);
}

interface Parts {
  readonly user: string | null;
  /** Null for a tel URI. */
  readonly host: string | null;
}

const SIP = /^<?(?:sips?:)?(?:([^@\s]*)@)?(\[[0-9a-f:.]+\]|[^\s:;?<>@,/]+)(?::\d+)?(?:[;?>]\S*)?$/i;
const TEL = /^<?tel:([^;>\s]+)(?:[;>]\S*)?$/i;

function partsOf(uri: string): Parts | null {
  const tel = TEL.exec(uri);
  if (tel !== null) return { user: tel[1] ?? "", host: null };
  const sip = SIP.exec(uri);
  if (sip === null) return null;
  return { user: sip[1] === undefined ? null : plain(sip[1]), host: (sip[2] ?? "").toLowerCase() };
}

/** The user without its password and parameters, its escapes resolved. */
function plain(user: string): string {
  return user.replace(/[:;].*$/, "").replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}
