// The magic host: requests for it are answered by the proxy itself, through an exchange like any other but with a gate of its own. WALL: no
// addon sees them, since one that could change the answer could have its own authority installed; and they are never saved.
import type { ClientScope, ExchangeContext } from "../exchange/context.ts";
import type { HttpFlow, HttpResponse } from "../flows/flow.ts";
import type { Gate } from "../flows/gate.ts";
import { MessageBody } from "../flows/message-body.ts";
import { HeaderFields } from "../http/header-fields.ts";
import { onboardingPolicy, type OnboardingPage } from "../tls/onboarding-site.ts";
import type { LayerContext, Onboarding } from "./layer-scope.ts";

/** Whether the proxy answers for that host itself. */
export function isOnboarding({ onboarding }: LayerContext, host: string): boolean {
  return onboarding !== null && host.length === onboarding.host.length && host.toLowerCase() === onboarding.host;
}

/** The client's scope with a gate that answers; only for a host that is `isOnboarding`. */
export function onboardingScope<S extends ClientScope & { readonly context: LayerContext }>(scope: S): S {
  const { onboarding } = scope.context;
  const context: LayerContext & ExchangeContext = { ...scope.context, gate: new OnboardingGate(onboarding) };
  return { ...scope, context };
}

class OnboardingGate implements Gate {
  readonly #onboarding: Onboarding | null;

  constructor(onboarding: Onboarding | null) {
    this.#onboarding = onboarding;
  }

  wants(): boolean {
    return false;
  }

  held(event: string, subject: object): null {
    if (event === "requestheaders" && isHttpFlow(subject)) subject.response = answer(subject, this.#onboarding);
    return null;
  }

  tell(): void {}

  release(): void {}
}

const isHttpFlow = (subject: object): subject is HttpFlow => "kind" in subject && subject.kind === "http";

function answer({ request }: HttpFlow, onboarding: Onboarding | null): HttpResponse {
  const at = request.path.indexOf("?");
  const page = onboarding?.pages.get(at === -1 ? request.path : request.path.slice(0, at));
  if (request.method !== "GET" && request.method !== "HEAD") return response(405, "Method Not Allowed", text("This page is for reading alone.\n"), [["Allow", "GET, HEAD"]]);
  if (page === undefined) return response(404, "Not Found", text("There is nothing here; the certificate is at /\n"));
  return response(200, "OK", page);
}

const text = (sentence: string): OnboardingPage => ({ contentType: "text/plain; charset=utf-8", fileName: null, body: Buffer.from(sentence) });

function response(statusCode: number, reason: string, page: OnboardingPage, more: readonly (readonly [string, string])[] = []): HttpResponse {
  const body = new MessageBody();
  body.complete(page.body);
  const now = Date.now() / 1_000;
  return {
    statusCode, reason, httpVersion: "HTTP/1.1", made: true, trailers: null, body, stream: false, timestampStart: now, timestampEnd: now, version: 0, trailersVersion: 0,
    headers: HeaderFields.from([
      ["Content-Type", page.contentType], ...(page.fileName === null ? [] : [["Content-Disposition", `inline; filename="${page.fileName}"`] as const]), ...more,
      ["Content-Security-Policy", onboardingPolicy], ["X-Content-Type-Options", "nosniff"], ["Referrer-Policy", "no-referrer"], ["Cache-Control", "no-store"],
    ]),
  };
}
