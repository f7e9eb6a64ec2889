// The cookies of a head as HAR lists them. They repeat what the headers say; whoever reads a file takes the headers.
import type { SavedField } from "./saved-flow.ts";

interface HarCookie {
  readonly name: string;
  readonly value: string;
  readonly path?: string;
  readonly domain?: string;
  readonly expires?: string;
  readonly httpOnly?: boolean;
  readonly secure?: boolean;
}

const named = (headers: readonly SavedField[], lowerName: string): readonly string[] => headers.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value);

function pairOf(text: string): readonly [name: string, value: string] {
  const equals = text.indexOf("=");
  return equals === -1 ? ["", text.trim()] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

export function requestCookies(headers: readonly SavedField[]): readonly HarCookie[] {
  return named(headers, "cookie").flatMap((line) => line.split(";")).filter((part) => part.trim() !== "").map(pairOf).map(([name, value]) => ({ name, value }));
}

export function responseCookies(headers: readonly SavedField[]): readonly HarCookie[] {
  return named(headers, "set-cookie").map((line) => {
    const [first = "", ...rest] = line.split(";");
    const [name, value] = pairOf(first);
    const attributes = new Map(rest.map((part) => (part.includes("=") ? pairOf(part) : [part.trim(), ""] as const)).map(([key, text]) => [key.toLowerCase(), text]));
    const expires = Date.parse(attributes.get("expires") ?? "");
    const path = attributes.get("path");
    const domain = attributes.get("domain");
    return {
      name, value, ...(path !== undefined && { path }), ...(domain !== undefined && { domain }), ...(Number.isFinite(expires) && { expires: new Date(expires).toISOString() }),
      httpOnly: attributes.has("httponly"), secure: attributes.has("secure"),
    };
  });
}
