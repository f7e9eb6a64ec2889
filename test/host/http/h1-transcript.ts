// Runs an HTTP/1 decoder over chunks and writes down what came out as one line of text, so that tests are tables:
// `POST /x 1.1 length=3 | data "abc" | end`, `200 OK 1.1 close | …`, `! bare-lf`. Neighbouring data are one entry,
// so that the line does not depend on how the input was cut.
import { RequestDecoder, ResponseDecoder } from "../../../host/http/h1-decoder.ts";
import { h1Limits } from "../../../host/http/h1-limits.ts";
import type { BodyFraming } from "../../../host/http/body-framing.ts";
import type { H1Limits } from "../../../host/http/h1-limits.ts";
import type { HttpEvent } from "../../../host/http/http-event.ts";

export interface TranscriptOptions {
  readonly limits?: Partial<H1Limits>;
  /** Tell the decoder at the end that the peer ended. Default true. */
  readonly eof?: boolean;
  /** Methods of the requests that responses are for, in order; the last one counts for all further ones. Default GET. */
  readonly methods?: readonly string[];
  readonly mayUpgrade?: boolean;
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function framingText(framing: BodyFraming): string {
  return framing.kind === "length" ? `length=${framing.length}` : framing.kind;
}

function eventText(event: Exclude<HttpEvent, { kind: "data" }>): string {
  switch (event.kind) {
    case "request-head": return `${event.method} ${event.target} ${event.version} ${framingText(event.framing)}`;
    case "response-head": return `${event.status} ${event.reason} ${event.version} ${event.interim ? "interim" : framingText(event.framing)}`;
    case "trailers": return `trailers ${JSON.stringify(event.headers.toBlock())}`;
    case "end": return "end";
    case "fault": return `! ${event.fault.code}`;
  }
}

/** Collects events; `last` is the latest head that is not interim. */
class Recorder {
  readonly lines: string[] = [];
  goesOn = true;
  #data: string[] = [];

  add(event: HttpEvent): void {
    if (event.kind === "data") {
      this.#data.push(event.data.toString("latin1"));
      return;
    }
    this.flush();
    this.lines.push(eventText(event));
    if (event.kind === "request-head") this.goesOn = event.keepAlive && event.upgrade.length === 0 && event.method !== "CONNECT";
    if (event.kind === "response-head" && !event.interim) this.goesOn = event.keepAlive;
  }

  flush(): void {
    if (this.#data.length > 0) this.lines.push(`data ${JSON.stringify(this.#data.join(""))}`);
    this.#data = [];
  }
}

/** What a RequestDecoder makes of these chunks. Bytes that it leaves (after CONNECT, an upgrade or close) come last as `rest`. */
export function transcribeRequests(chunks: readonly Buffer[], options: TranscriptOptions = {}): string {
  const decoder = new RequestDecoder({ ...h1Limits, ...options.limits });
  const recorder = new Recorder();
  const drain = (): void => {
    for (let event = decoder.next(); event !== null; event = decoder.next()) {
      recorder.add(event);
      if (event.kind === "end" && recorder.goesOn) decoder.nextMessage();
    }
  };
  return run(decoder, recorder, drain, chunks, options);
}

/** What a ResponseDecoder makes of these chunks, when another response is expected after each one that keeps the connection. */
export function transcribeResponses(chunks: readonly Buffer[], options: TranscriptOptions = {}): string {
  const decoder = new ResponseDecoder({ ...h1Limits, ...options.limits });
  const recorder = new Recorder();
  const methods = [...(options.methods ?? ["GET"])];
  const expectNext = (): void => decoder.expect((methods.length > 1 ? methods.shift() : methods[0]) ?? "GET", options.mayUpgrade);
  let isWaiting = true;
  const drain = (): void => {
    for (;;) {
      if (isWaiting && recorder.goesOn && decoder.bufferedBytes > 0) {
        expectNext();
        isWaiting = false;
      }
      const event = decoder.next();
      if (event === null) return;
      recorder.add(event);
      if (event.kind === "end") isWaiting = true;
      if (event.kind === "end" && decoder.isDetached) recorder.goesOn = false;
    }
  };
  return run(decoder, recorder, drain, chunks, options);
}

function run(
  decoder: RequestDecoder | ResponseDecoder, recorder: Recorder, drain: () => void, chunks: readonly Buffer[], options: TranscriptOptions,
): string {
  for (const chunk of chunks) {
    decoder.push(chunk);
    drain();
  }
  if (options.eof ?? true) {
    decoder.eof();
    drain();
  }
  recorder.flush();
  const isFault = recorder.lines.at(-1)?.startsWith("!") === true;
  if (!isFault && !recorder.goesOn && decoder.bufferedBytes > 0) recorder.lines.push(`rest ${JSON.stringify(decoder.takeRemainder().toString("latin1"))}`);
  return recorder.lines.join(" | ");
}
