// The checks of texts from a cell: what they take, what they cut, what they refuse.
import test from "ava";
import fc from "fast-check";
import { longestText, oneLine, parseFault, parseHello, parseHostCall, parseLoaded, parseStat } from "../../../sandbox-api/wire/text-checks.ts";

test("faults are cut and cleaned, and need a known code", (t) => {
  t.deepEqual(parseFault(`{"code":"threw","message":"a\\u001b[31mb\\nc","stack":"x\\n\\u0007y","location":"f:1:2","limit":{"name":"cpuMs","value":1,"used":2,"unit":"ms"},"more":1}`), {
    code: "threw", message: "a [31mb c", stack: "x\n y", location: "f:1:2", limit: { name: "cpuMs", value: 1, used: 2, unit: "ms" },
  });
  t.is(parseFault(JSON.stringify({ code: "threw", message: "x".repeat(9_000) }))?.message.length, 500);
  t.deepEqual(parseFault(`{"code":"threw","message":"m","stack":5,"limit":[],"field":{}}`), { code: "threw", message: "m" });
  for (const text of [`{"code":"toString","message":""}`, `{"code":"threw"}`, `[]`, `null`, `{`, ``, `{"code":"threw","message":"${"x".repeat(longestText.fault)}"}`]) t.is(parseFault(text), null, text.slice(0, 40));
});

test("host calls are those of the table, with values of their types", (t) => {
  t.deepEqual(parseHostCall(`{"call":"log","level":"warn","msg":"hi","extra":1}`, 100), { call: "log", level: "warn", msg: "hi" });
  t.deepEqual(parseHostCall(`{"call":"timer.set","ms":5}`, 100), { call: "timer.set", ms: 5 });
  for (const text of [`{"call":"__proto__"}`, `{"call":"constructor"}`, `{"call":"log","level":"shout","msg":""}`, `{"call":"log","level":"info","msg":5}`, `{"call":"timer.set","ms":-1}`, `{"call":"timer.set","ms":1e999}`, `{"call":"timer.clear","id":1.5}`, `{"call":5}`, `5`,
    `{"call":"storage.get","key":"k"}`, `{"call":"storage.get","during":-1,"key":"k"}`, `{"call":"storage.get","during":1,"key":5}`, `{"call":"storage.set","during":1,"key":"k"}`, `{"call":"storage.set","during":1,"key":"k","json":{}}`,
    `{"call":"storage.list","during":1,"prefix":"","limit":1.5}`, `{"call":"storage.clear"}`, `{"call":"storage.drop","during":1}`, `{"call":"fetch","url":"x","method":"GET","headers":[["a"]],"redirect":"follow"}`, `{"call":"fetch","url":"x","method":"GET","headers":[],"redirect":"maybe"}`,
    `{"call":"fetch","url":"x","method":"GET","headers":${JSON.stringify(Array.from({ length: 101 }, () => ["a", "b"]))},"redirect":"follow"}`]) {
    t.is(parseHostCall(text, 1_000), null, text);
  }
  t.deepEqual(parseHostCall(`{"call":"storage.set","during":7,"key":"k","json":null}`, 100), { call: "storage.set", during: 7, key: "k", json: null });
  t.deepEqual(parseHostCall(`{"call":"fetch","url":"x","method":"GET","headers":[["a","b"]],"redirect":"manual"}`, 100), { call: "fetch", url: "x", method: "GET", headers: [["a", "b"]], redirect: "manual" });
  t.is(parseHostCall(`{"call":"timer.set","ms":5}`, 10), null);
});

test("greetings, loads and reports", (t) => {
  t.deepEqual(parseHello(`{"contract":1,"node":"v26","pid":3}`), { contract: 1, node: "v26", pid: 3 });
  t.is(parseHello(`{"contract":"1","node":"v26","pid":3}`), null);
  t.deepEqual(parseLoaded(`{"handlers":["request"],"warnings":[]}`), { handlers: ["request"], warnings: [], manifest: null });
  t.is(parseLoaded(`{"handlers":[1],"warnings":[]}`), null);
  t.is(parseLoaded(`{"handlers":"request","warnings":[]}`), null);
  t.deepEqual(parseStat(`{"loads":1,"instances":2,"heapBytes":{"4":5}}`), { loads: 1, instances: 2, heapBytes: { 4: 5 } });
  t.is(parseStat(`{"loads":1,"instances":2,"heapBytes":{"__proto__":5}}`), null);
});

test("any text gives a value or null", (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    for (const parse of [parseFault, parseHello, parseLoaded, parseStat]) parse(text);
    parseHostCall(text, 1_000);
    return oneLine(text, 20).length <= 20;
  }), { numRuns: 1_000 });
  t.pass();
});
