// The addon oauth-token-cache as it ships, by options and --grant alone: a token server over TLS that its manifest does not know, one
// question for many requests, and nothing where the operator granted nothing.
import test from "ava";
import path from "node:path";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { projectRoot, startFlowcell, type RunningFlowcell } from "../helpers/flowcell.ts";

const addon = path.join(projectRoot, "addons", "oauth-token-cache");

test.serial("oauth-token-cache works without a change to its source: --grant lets it fetch from the server that the option names", async (t) => {
  const asked: string[] = [];
  const tokens = await startHttpsOrigin((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => { body += chunk.toString(); }).on("end", () => {
      asked.push(body);
      response.setHeader("content-type", "application/json").end(JSON.stringify({ access_token: `token-${asked.length}`, expires_in: 3_600 }));
    });
  });
  const api = await startHttpOrigin((request, response) => response.end(request.headers.authorization ?? "none"));
  t.teardown(() => { tokens.close(); api.close(); });
  const origin = `https://localhost:${tokens.port}`;
  const settings = ["--upstream-ca", tokens.caFile, "--set", `oauth_url=${origin}/token`, "--set", "oauth_client_id=me", "--set", "oauth_hosts=127.0.0.1"];
  const get = async ({ proxyUrl }: RunningFlowcell, ...more: readonly string[]): Promise<string> => (await curl(t, ["-x", proxyUrl, ...more, `http://127.0.0.1:${api.port}/`])).body.toString();

  const granted = await startFlowcell([addon], [...settings, "--grant", `oauth-token-cache:fetch=${origin}`], { FLOWCELL_SET_OAUTH_CLIENT_SECRET: "hush" });
  t.deepEqual(await Promise.all([get(granted), get(granted), get(granted)]), ["Bearer token-1", "Bearer token-1", "Bearer token-1"]);
  t.is(await get(granted, "-H", "Authorization: Basic own"), "Basic own");
  t.deepEqual(asked, ["grant_type=client_credentials&client_id=me&client_secret=hush"]);
  await granted.stop();

  const bare = await startFlowcell([addon], settings);
  t.is(await get(bare), "none");
  await bare.stop();
  t.is(asked.length, 1);
});
