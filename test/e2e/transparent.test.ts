// transparent, in network namespaces of its own: a client whose packets are routed through the proxy's machine, and a server behind it.
// By policy routing (the listener has the server's port) and by nftables' TPROXY (any port). Where no namespaces can be made, there is
// nothing to test; what is refused is tested everywhere.
import test, { type ExecutionContext } from "ava";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram, type ProgramEnd } from "../helpers/client.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { projectRoot } from "../helpers/flowcell.ts";
import { requireProgram } from "../helpers/programs.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** client 10.9.1.2 – 10.9.1.1 proxy 10.9.2.1 – 10.9.2.2 = 198.51.100.7 server. `rules` and `ask` are shell. */
const scene = (setting: { readonly rules: string; readonly mode: string; readonly ask: string; readonly folder: string; readonly key: string; readonly cert: string; readonly python: string; readonly nft: string }): string => `set -eu
# Everything ends with this shell, which is the first process of its namespace.
ip link set lo up
unshare -n sleep 120 & client=$!
unshare -n sleep 120 & server=$!
for i in $(seq 100); do [ "$(readlink /proc/$client/ns/net)" != "$(readlink /proc/self/ns/net)" ] && [ "$(readlink /proc/$server/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.05; done
in_client() { nsenter -t $client -n "$@"; }
in_server() { nsenter -t $server -n "$@"; }
ip link add c0 type veth peer name c1 netns $client
ip link add s0 type veth peer name s1 netns $server
ip addr add 10.9.1.1/24 dev c0; ip link set c0 up
ip addr add 10.9.2.1/24 dev s0; ip link set s0 up
ip route add 198.51.100.7 via 10.9.2.2
in_client sh -c 'ip link set lo up; ip addr add 10.9.1.2/24 dev c1; ip link set c1 up; ip route add default via 10.9.1.1'
in_server sh -c 'ip link set lo up; ip addr add 10.9.2.2/24 dev s1; ip addr add 198.51.100.7/32 dev lo; ip link set s1 up'
nft() { ${setting.nft} "$@"; }
${setting.rules}
ip route add local default dev lo table 100
in_server ${setting.python} ${setting.folder}/origin.py 8443 ${setting.cert} ${setting.key} &
in_server ${setting.python} ${setting.folder}/origin.py 8080 &
${process.execPath} ${projectRoot}/host/main.ts run --confdir ${setting.folder}/conf --log-format json ${setting.mode} --upstream-ca ${setting.cert} --jail off >${setting.folder}/log &
for i in $(seq 300); do grep -q '"event":"ready"' ${setting.folder}/log && break; sleep 0.1; done
for i in $(seq 100); do in_server ${setting.python} -c 'import socket; socket.create_connection(("198.51.100.7", 8443)).close(); socket.create_connection(("198.51.100.7", 8080)).close()' 2>/dev/null && break; sleep 0.1; done
ca=${setting.folder}/conf/flowcell-ca-cert.pem
fetch() { in_client curl -sS --noproxy '*' --max-time 20 "$@" || echo "curl ended with $?"; }
${setting.ask}
`;

const origin = `
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.path + " from " + self.client_address[0] + " for " + self.headers["Host"] + "\\n").encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("198.51.100.7", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`;

async function play(t: ExecutionContext, setting: { readonly rules: string; readonly mode: string; readonly ask: string }): Promise<ProgramEnd | null> {
  const unshare = requireProgram(t, "unshare", "util-linux");
  const python = requireProgram(t, "python3", "python3");
  // npm has a program of that name, too.
  const nft = requireProgram(t, "nft", "nftables", { ...process.env, PATH: "/usr/sbin:/sbin" });
  if (unshare === undefined || python === undefined || requireProgram(t, "ip", "iproute2") === undefined || nft === undefined || requireProgram(t, "curl", "curl") === undefined) return null;
  if ((await runProgram(unshare, ["-rnp", "--fork", "--mount-proc", "true"])).code !== 0) {
    t.log("skipped: no network namespaces can be made here");
    t.pass();
    return null;
  }
  const folder = temporaryFolder("transparent");
  const certificate = await testCertificate("DNS:origin.test,IP:198.51.100.7");
  await chmod(folder, 0o755);
  await writeFile(join(folder, "origin.py"), origin);
  await writeFile(join(folder, "scene.sh"), scene({ ...setting, folder, python, nft, key: certificate.keyFile, cert: certificate.certFile }));
  const end = await runProgram(unshare, ["-rnp", "--fork", "--kill-child", "--mount-proc", "bash", join(folder, "scene.sh")], "", 90_000);
  t.log(end.stderr);
  return end;
}

const ask = `
fetch http://198.51.100.7:8080/plain
fetch --cacert $ca --resolve origin.test:8443:198.51.100.7 https://origin.test:8443/named
fetch --cacert $ca https://198.51.100.7:8443/address
`;
const answers = "/plain from 10.9.2.1 for 198.51.100.7:8080\n/named from 10.9.2.1 for origin.test:8443\n/address from 10.9.2.1 for 198.51.100.7:8443\n";

test.serial("by policy routing: a listener for each port, and nothing but routes", async (t) => {
  const rules = "ip rule add iif c0 ipproto tcp dport 8080 lookup 100; ip rule add iif c0 ipproto tcp dport 8443 lookup 100";
  const end = await play(t, { rules, mode: "-m transparent@0.0.0.0:8080 -m transparent@0.0.0.0:8443", ask });
  if (end !== null) t.is(end.stdout, answers);
});

test.serial("by TPROXY to a listener on loopback; addressed itself, it says what it is; its own connections turned back are noticed", async (t) => {
  const rules = `nft 'table ip flowcell { chain pre { type filter hook prerouting priority mangle; iif { c0, lo } ip daddr 198.51.100.7 tcp dport { 8080, 8443 } tproxy to 127.0.0.1:9090 meta mark set 1 accept; }; chain out { type route hook output priority mangle; ip daddr 198.51.100.7 tcp dport 7777 meta mark set 1; }; }'
ip rule add fwmark 1 lookup 100`;
  const end = await play(t, { rules, mode: "-m transparent@127.0.0.1:9090", ask: `${ask}
curl -sS -i --noproxy '*' --max-time 20 http://127.0.0.1:9090/ | tr -d '\\r' | grep -E '^HTTP|TPROXY'
nft add rule ip flowcell pre iif lo ip daddr 198.51.100.7 tcp dport 7777 tproxy to 127.0.0.1:9090 meta mark set 1 accept
nft insert rule ip flowcell pre iif c0 ip daddr 198.51.100.7 tcp dport 7777 tproxy to 127.0.0.1:9090 meta mark set 1 accept
fetch http://198.51.100.7:7777/round | grep -o 'turned back to it'
` });
  if (end === null) return;
  const [served, itself, round] = [end.stdout.slice(0, answers.length), end.stdout.slice(answers.length), end.stdout.trim().split("\n").at(-1)];
  t.is(served, answers);
  t.regex(itself, /^HTTP\/1\.1 400 Bad Request\n.*TPROXY/);
  t.is(round, "turned back to it");
});

test.serial("without the right to take such connections it does not start, and says why", async (t) => {
  const unshare = requireProgram(t, "unshare", "util-linux");
  if (unshare === undefined) return;
  if ((await runProgram(unshare, ["-r", "true"])).code !== 0) return t.pass();
  const folder = temporaryFolder("transparent");
  // Root of a user namespace of its own has no rights over the network.
  const end = await runProgram(unshare, ["-r", process.execPath, join(projectRoot, "host", "main.ts"), "run", "--confdir", folder, "--jail", "off", "-m", "transparent@127.0.0.1:0"], "", 60_000);
  t.is(end.code, 1, end.stderr);
  t.regex(end.stderr, /Transparent connections cannot be taken here, as it is not permitted: run as root, or with the capability CAP_NET_ADMIN/);
});
