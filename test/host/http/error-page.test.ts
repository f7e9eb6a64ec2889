// The proxy's own answers: a form the client takes, cause and advice, nothing that runs, and a status for every cause.
import test from "ava";
import { errorPage } from "../../../host/http/error-page.ts";
import { causeTable, exchangeFault, faultReason, syntaxFault, type Cause } from "../../../host/http/fault-status.ts";
import { faultOf } from "../../../host/http/http-event.ts";

const causes = Object.keys(causeTable) as Cause[];

test("the form follows Accept", (t) => {
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, "text/plain; charset=utf-8"], ["*/*", "text/plain; charset=utf-8"], ["", "text/plain; charset=utf-8"], ["image/png", "text/plain; charset=utf-8"],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"], ["application/json, text/plain, */*", "application/json"],
    ["text/html;q=0.1, application/problem+json;q=0.9", "application/json"], ["TEXT/HTML", "text/html; charset=utf-8"], ["text/html;q=x", "text/plain; charset=utf-8"],
  ];
  for (const [accept, type] of cases) t.is(errorPage(exchangeFault("dns-failed", "x"), accept).contentType, type, String(accept));
});

test("every cause has a status, a reason and a page in each form with what happened", (t) => {
  for (const cause of causes) {
    const fault = exchangeFault(cause, "This is <b>what</b> happened & \"why\".");
    t.true(fault.status >= 400 && fault.status <= 599);
    t.regex(faultReason(fault), /^[A-Z][A-Za-z ]+$/);
    const html = errorPage(fault, "text/html", "http://x/?<script>").body.toString();
    t.false(/<b>|<script>/.test(html), html);
    t.true(html.includes("This is &lt;b&gt;what&lt;/b&gt; happened &amp; &quot;why&quot;."));
    const json: unknown = JSON.parse(errorPage(fault, "application/json", "http://x/").body.toString());
    t.like(json, { error: { cause, status: fault.status, message: fault.message, url: "http://x/" } });
    t.true(errorPage(fault, undefined).body.toString().includes(fault.message));
  }
});

test("broken syntax keeps the codec's status for a client and is 502 for a server", (t) => {
  t.like(syntaxFault(faultOf("target-too-long", "client"), "client"), { cause: "invalid-request", status: 414 });
  t.is(faultReason(syntaxFault(faultOf("target-too-long", "client"), "client")), "URI Too Long");
  t.like(syntaxFault(faultOf("bad-status", "server"), "server"), { cause: "invalid-response", status: 502 });
  t.like(syntaxFault(faultOf("truncated-body", "server"), "server"), { cause: "server-closed", status: 502 });
});
