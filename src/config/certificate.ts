import { X509Certificate, createPrivateKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Placed, ReadContext } from "./reader.ts";

/** A certificate chain and its private key, as PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Reads a certificate chain and its key from the files that the configuration names, and checks that they belong together.
 *  Undefined: what is wrong was reported. A certificate out of its dates is a warning. */
export function readKeyPair(certPath: Placed<string>, keyPath: Placed<string>, context: ReadContext): KeyPair | undefined {
  const cert = readPem(certPath, "a certificate", context);
  const key = readPem(keyPath, "a private key", context);
  const certificate = cert === undefined ? undefined : parseCertificate(cert, certPath, context);
  const privateKey = key === undefined ? undefined : parseKey(key, keyPath, context);
  if (cert === undefined || key === undefined || certificate === undefined || privateKey === undefined) return undefined;
  if (!certificate.checkPrivateKey(privateKey)) {
    context.report.mistake(keyPath.offset, `the key in ${keyPath.value} does not belong to the certificate in ${certPath.value}`, "write the key that the certificate was made with");
    return undefined;
  }
  warnOfDates(certificate, certPath.value, context);
  return { cert, key };
}

/** Reads a file of certificates that clients are verified against. Undefined: what is wrong was reported. */
export function readAuthorities(path: Placed<string>, context: ReadContext): string | undefined {
  const pem = readPem(path, "a certificate", context);
  const certificate = pem === undefined ? undefined : parseCertificate(pem, path, context);
  if (certificate !== undefined) warnOfDates(certificate, path.value, context);
  return certificate === undefined ? undefined : pem;
}

/** Why a file cannot be read, in words. */
export function fileTrouble(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES" || code === "EPERM") return "no permission";
  if (code === "EISDIR") return "it is a folder";
  return cause instanceof Error ? cause.message : "unknown trouble";
}

function readPem({ value: path, offset }: Placed<string>, what: string, { folder, report }: ReadContext): string | undefined {
  try {
    return readFileSync(resolve(folder, path), "latin1");
  } catch (cause) {
    report.mistake(offset, `${path} cannot be read (${fileTrouble(cause)})`, `write the path of a PEM file with ${what}`);
    return undefined;
  }
}

function parseCertificate(pem: string, { value: path, offset }: Placed<string>, { report }: ReadContext): X509Certificate | undefined {
  try {
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return new X509Certificate(pem);
    report.mistake(offset, `${path} holds no certificate`, "write the path of a PEM file that has a BEGIN CERTIFICATE line");
  } catch {
    report.mistake(offset, `the certificate in ${path} is damaged`, "write the path of a whole PEM file");
  }
  return undefined;
}

function parseKey(pem: string, { value: path, offset }: Placed<string>, { report }: ReadContext): KeyObject | undefined {
  const isEncrypted = /BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(pem);
  const hasKey = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(pem);
  if (isEncrypted) report.mistake(offset, `the key in ${path} is locked by a passphrase`, "write the path of a key without one");
  else if (!hasKey) report.mistake(offset, `${path} holds no private key`, "write the path of a PEM file that has a BEGIN PRIVATE KEY line");
  else {
    try {
      return createPrivateKey(pem);
    } catch {
      report.mistake(offset, `the key in ${path} is damaged`, "write the path of a whole PEM file");
    }
  }
  return undefined;
}

function warnOfDates(certificate: X509Certificate, path: string, { nowMs, report }: ReadContext): void {
  if (nowMs === null) return;
  if (nowMs > Date.parse(certificate.validTo)) report.warn(`the certificate in ${path} has expired (${certificate.validTo}): phones will refuse it`);
  if (nowMs < Date.parse(certificate.validFrom)) report.warn(`the certificate in ${path} is not valid before ${certificate.validFrom}: phones will refuse it`);
}
