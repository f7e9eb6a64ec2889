// Keys of crypto.subtle in real isolates: RSA pairs that outlast every CPU limit are made and charged to the budget, keys that nothing
// refers to make room, those that somebody has are never lost, and an addon that owns its realm gets none of what was not to come out.
import { appendFileSync } from "node:fs";
import test from "ava";
import { useCells, type Stage } from "../../helpers/addon-stage.ts";
import { makeHttpFlow } from "../../helpers/flows.ts";

const cells = useCells(test);

/** What the handler put into the header `x-said`, or what the log says of its failure. */
async function said({ host, records }: Stage): Promise<string> {
  const flow = makeHttpFlow();
  await host.gate.held("request", flow);
  return flow.request.headers.get("x-said") ?? records.map(({ msg }) => msg).join("\n");
}
const saying = (body: string, before = ""): string => `${before}\nexport async function request(flow) { const say = (value) => flow.request.headers.set("x-said", String(value)); ${body} }`;

test.serial("RSA keys are made beside the thread, within a CPU limit far below what they take, and charged to the budget", async (t) => {
  const stage = await cells.stage(t, {
    rsa: saying(`const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]) }, false, ["sign", "verify"]);
      const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", privateKey, new Uint8Array(3));
      say([await crypto.subtle.verify("RSASSA-PKCS1-v1_5", publicKey, signature, new Uint8Array(3)), privateKey.extractable, privateKey.algorithm.modulusLength, [...publicKey.algorithm.publicExponent], privateKey.usages, publicKey.usages].join(" "));`),
    neighbour: "export function request(flow) { flow.request.headers.set('x-neighbour', 'ran'); }",
  }, { limits: { cpuMs: 40, wallMs: 60_000 } });
  t.is(await said(stage), "true false 3072 1,0,1 sign verify", stage.records.map(({ msg }) => msg).join("\n"));
  const [rsa] = stage.host.addons();
  t.deepEqual(rsa?.breaches, {}, "no limit of an entry");
  t.true((rsa?.cpuMicros ?? 0) > 10_000, `charged ${rsa?.cpuMicros}`);
});

test.serial("rsaKeysAtOnce: as many as that are made at once, one more is refused by name", async (t) => {
  const make = `crypto.subtle.generateKey({ name: "RSA-OAEP", hash: "SHA-1", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ["decrypt"])`;
  const stage = await cells.stage(t, { rsa: saying(`say((await Promise.allSettled([${make}, ${make}, ${make}])).map(({ status, reason }) => status + (reason ? " " + reason.name + " " + reason.message : "")).join(";"));`) }, { limits: { wallMs: 60_000, rsaKeysAtOnce: 2 } });
  t.is(await said(stage), "fulfilled;fulfilled;rejected QuotaExceededError more than 2 RSA keys are being made at once (limit rsaKeysAtOnce)");
});

test.serial("a pair can be made in start, which is waited for", async (t) => {
  const stage = await cells.stage(t, { early: saying(`say(pair.privateKey.algorithm.name);`, `let pair; export async function start() { pair = await crypto.subtle.generateKey({ name: "RSA-PSS", hash: "SHA-512", modulusLength: 2048, publicExponent: new Uint8Array([3]) }, false, ["sign"]); }`) }, { limits: { startupMs: 1_000, wallMs: 60_000 } });
  t.deepEqual(stage.problems, []);
  t.is(await said(stage), "RSA-PSS");
});

const importOne = "await crypto.subtle.importKey('raw', crypto.getRandomValues(new Uint8Array(16)), 'AES-CBC', false, ['encrypt'])";

test.serial("cryptoKeys: as many as that are held, one more is refused by name, and the first still works", async (t) => {
  const stage = await cells.stage(t, { keeper: saying(`while (kept.length < 40) kept.push(${importOne}); let error = "none"; try { ${importOne}; } catch (thrown) { error = thrown.name + " " + thrown.message; }
    say(error + " " + (await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, kept[0], new Uint8Array(1))).byteLength);`, "const kept = [];") }, { limits: { cryptoKeys: 40 } });
  t.is(await said(stage), "QuotaExceededError more than 40 keys that are in use (limit cryptoKeys) 16");
});

test.serial("keys that nothing refers to make room: an addon that makes keys for every request goes on for ever, and those it keeps stay", async (t) => {
  const stage = await cells.stage(t, {
    maker: saying(`for (let i = 0; i < 20; i++) ${importOne}; let junk = []; for (let i = 0; i < 20_000; i++) junk.push({ i }); say((await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, kept, new Uint8Array(1))).byteLength);`, `let kept; export async function start() { kept = ${importOne}; }`),
  }, { limits: { cryptoKeys: 2_000 } });
  for (let event = 0; event < 400; event++) {
    const answer = await said(stage);
    if (answer !== "16") return t.fail(`event ${event}: ${answer}`);
  }
  t.pass();
});

/** Watches everything that a part of the guest may call on the way, for the sixteen bytes `marker`. */
const watching = `
  const seen = []; const hex = (bytes) => { let text = ""; for (let i = 0; i < bytes.length; i++) text += bytes[i].toString(16).padStart(2, "0"); return text; };
  const plainText = Function.prototype.call.bind(Number.prototype.toString); const isView = ArrayBuffer.isView; const RealBytes = Uint8Array; const RealBuffer = ArrayBuffer;
  let marker = "none"; let isBusy = false;
  const look = (value) => {
    if (isBusy || value === null || (typeof value !== "object" && typeof value !== "string")) return;
    isBusy = true;
    try {
      if (typeof value === "string") { if (value.includes(marker) || value.includes(base64)) seen.push("text"); return; }
      const bytes = isView(value) ? new RealBytes(value.buffer, value.byteOffset, value.byteLength) : value instanceof RealBuffer ? new RealBytes(value) : null;
      if (bytes !== null && hex(bytes).includes(marker)) seen.push("bytes");
    } catch {} finally { isBusy = false; }
  };
  let base64 = "none";
  const watch = () => {
    for (const type of [Array, String, Map, Set, WeakMap, Promise, RealBytes, Object.getPrototypeOf(RealBytes), RealBuffer, DataView, JSON, Object, Reflect, Function, RegExp]) {
      for (const target of [type, type.prototype]) {
        if (target === undefined || target === null) continue;
        for (const name of Reflect.ownKeys(target)) {
          const found = Object.getOwnPropertyDescriptor(target, name);
          if (!found.configurable || name === "constructor" || name === "apply" || name === "ownKeys" || name === "getOwnPropertyDescriptor" || name === "defineProperty") continue;
          if (typeof found.value === "function") { const real = found.value; originals.push(() => { target[name] = real; }); try { target[name] = function (...args) { look(this); for (let i = 0; i < args.length; i++) look(args[i]); const result = new.target ? Reflect.construct(real, args, new.target) : Reflect.apply(real, this, args); look(result); return result; }; } catch {} }
        }
      }
    }
    for (const name of ["toJSON", "then", "buffer", "bytes", "material", "key", "wish", "id", "d", "k", "0"]) {
      let stored = new WeakMap();
      Object.defineProperty(Object.prototype, name, { configurable: true, get() { look(this); return undefined; }, set(value) { look(this); look(value); Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true }); } });
      originals.push(() => { delete Object.prototype[name]; });
    }
  };
  const originals = [];
  const unwatch = () => { for (const undo of originals.reverse()) try { undo(); } catch {} };
`;

test.serial("WALL 2: what a key is derived to be passes through no function that the addon can replace, nor do forged keys open anything", async (t) => {
  const stage = await cells.stage(t, {
    walker: saying(`
      const { subtle } = crypto;
      const base = await subtle.importKey("raw", new Uint8Array([7]), "HKDF", false, ["deriveKey", "deriveBits"]);
      const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(1), info: new Uint8Array(1) };
      // The same bits, by a way that may tell them: they are what must not be seen on the other way.
      const bits = new Uint8Array(await subtle.deriveBits(how, base, 128));
      marker = hex(bits); base64 = btoa(String.fromCharCode(...bits)).replaceAll("=", "");
      const derive = (extractable) => subtle.deriveKey(how, base, { name: "AES-CBC", length: 128 }, extractable, ["encrypt", "decrypt", "wrapKey", "unwrapKey"]);
      const open = await derive(true);
      const wrapped = await subtle.wrapKey("raw", open, open, { name: "AES-CBC", iv: new Uint8Array(16) });
      watch();
      const results = [];
      let key; let again;
      try {
        key = await derive(false);
        again = await subtle.unwrapKey("raw", wrapped, key, { name: "AES-CBC", iv: new Uint8Array(16) }, "AES-CBC", false, ["encrypt"]);
        await subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, key, new Uint8Array(3));
      } catch (error) { results.push("watched: " + error); }
      unwatch();
      const attempt = async (name, run) => { try { const got = await run(); results.push(name + " gave " + got); } catch {} };
      const wrap = { name: "AES-CBC", iv: new Uint8Array(16) };
      for (const target of [key, again, structuredClone(key), structuredClone({ key }).key]) {
        if (!(target instanceof CryptoKey)) results.push("no key");
        for (const format of ["raw", "jwk"]) { await attempt("export", () => subtle.exportKey(format, target)); await attempt("wrap", () => subtle.wrapKey(format, target, key, wrap)); }
      }
      const forge = Object.create(CryptoKey.prototype, { extractable: { value: true }, type: { value: "secret" }, usages: { value: ["encrypt"] }, algorithm: { value: { name: "AES-CBC" } }, handle: { value: { id: 1 } } });
      const forged = [forge, Object.setPrototypeOf({ handle: { id: 1 } }, CryptoKey.prototype), new Proxy(key, {}), { ...key, __proto__: CryptoKey.prototype }, Object.defineProperty(Object.create(key), "extractable", { value: true })];
      for (const target of forged) { await attempt("forged export", () => subtle.exportKey("raw", target)); await attempt("forged use", () => subtle.encrypt(wrap, target, new Uint8Array(1))); }
      await attempt("construct", () => new CryptoKey({}, { handle: { id: 1 }, extractable: true }));
      await attempt("construct", () => Reflect.construct(CryptoKey, [{}, { handle: { id: 1 } }], Object));
      // A key says it is extractable now; the cell knows better.
      Object.defineProperty(CryptoKey.prototype, "extractable", { get: () => true });
      try { key.usages.push("deriveBits"); key.algorithm.name = "HKDF"; } catch {}
      await attempt("export after a lie", () => subtle.exportKey("raw", key));
      await attempt("derive after a lie", () => subtle.deriveBits(how, key, 128));
      const own = [...Reflect.ownKeys(key), ...Object.getOwnPropertySymbols(key)];
      say(JSON.stringify([seen, results, own, marker.length]));`, watching),
  }, { limits: { cpuMs: 5_000, wallMs: 60_000 } });
  const answer = await said(stage);
  t.is(answer, "[[],[],[],32]");
});

test.serial("no key outlives its instance: after a reload there is none, and its number opens nothing", async (t) => {
  const stage = await cells.stage(t, {
    forgetful: saying(`const old = globalThis.key; globalThis.key = ${importOne};
      const answers = [typeof old];
      for (const value of [{ id: 1 }, Object.setPrototypeOf({ handle: { id: 1 } }, CryptoKey.prototype)]) try { await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, value, new Uint8Array(1)); answers.push("used"); } catch (error) { answers.push(error.name); }
      say(answers);`),
  });
  t.is(await said(stage), "undefined,TypeError,TypeError");
  t.is(await said(stage), "object,TypeError,TypeError");
  appendFileSync(stage.paths[0] ?? "", "globalThis.version = 2;");
  t.is(await stage.host.reload("forgetful"), null);
  t.is(await said(stage), "undefined,TypeError,TypeError");
});
