// The endpoints that a k3s server has for its agents, on a real HTTPS server with the sandbox's CA: the node that joins here
// is known to the sandbox's API server. Requests are checked as k3s checks them.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { signCertificate } from '../../agent/lib/x509.ts';
import { type CertificateAuthority, issueCertificate } from '../../hack/sandbox/pki/certificate.ts';

const HOUR_MS = 3_600_000;
const PASSWORD = 'agents-secret';

export interface K3sEndpoints {
  readonly url: string;
  readonly password: string;
  /** Names that were asked for, with the nodes' own passwords. */
  readonly nodes: ReadonlyMap<string, string>;
}

export async function startK3sEndpoints(t: Test, authority: CertificateAuthority): Promise<K3sEndpoints> {
  const nodes = new Map<string, string>();
  const serving = issueCertificate(authority, {
    commonName: 'k3s',
    usages: ['server'],
    subjectAltNames: ['127.0.0.1'],
  });
  const server = createServer({ cert: serving.certificate, key: serving.key }, (request, response) => {
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.once('end', () => answer(request, Buffer.concat(body), response, authority, nodes));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { url: `https://127.0.0.1:${port}`, password: PASSWORD, nodes };
}

function answer(
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  authority: CertificateAuthority,
  nodes: Map<string, string>,
): void {
  const say = (status: number, text: string): void =>
    void response.writeHead(status).end(status === 200 ? text : failure(status, text));
  if (request.url === '/cacerts') return say(200, authority.certificate);
  const expected = `Basic ${Buffer.from(`node:${PASSWORD}`).toString('base64')}`;
  if (request.headers.authorization !== expected) return say(401, 'not authorized');
  switch (request.url) {
    case '/v1-k3s/config':
      return say(
        200,
        JSON.stringify({
          ClusterDNS: '10.43.0.10',
          ClusterDNSs: ['10.43.0.10', 'fd43::a'],
          ClusterDomain: 'k3s.local',
          DisableKubeProxy: true,
          DisableServiceLB: false,
          EgressSelectorMode: 'agent',
        }),
      );
    case '/v1-k3s/client-ca.crt':
      return say(200, authority.certificate);
    case '/v1-k3s/client-kubelet.crt':
    case '/v1-k3s/serving-kubelet.crt':
      return issue(request, body, say, authority, nodes);
    default:
      return say(404, 'not found');
  }
}

/** Its errors are those of an API server. */
function failure(code: number, message: string): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code });
}

/** The client certificate for the key of the request; the serving one with a key, as servers do that take no request. */
function issue(
  { url, headers }: IncomingMessage,
  body: Buffer,
  say: (status: number, text: string) => void,
  authority: CertificateAuthority,
  nodes: Map<string, string>,
): void {
  const [name = '', password = '', ip = ''] = ['k3s-node-name', 'k3s-node-password', 'k3s-node-ip'].map(key =>
    String(headers[key] ?? ''),
  );
  if (name === '') return say(400, 'node name not set');
  if (password === '') return say(400, 'node password not set');
  if ((nodes.get(name) ?? password) !== password)
    return say(403, `unable to verify password for node ${name}: hash does not match`);
  nodes.set(name, password);
  if (url === '/v1-k3s/client-kubelet.crt') {
    return say(200, signRequest(body, authority, name) + authority.certificate);
  }
  const names = { commonName: name, subjectAltNames: [name, 'localhost', '127.0.0.1', ip] };
  const { certificate, key } = issueCertificate(authority, { ...names, usages: ['server'] });
  say(200, certificate + authority.certificate + key);
}

/** Of the request only the key counts; whether it is one at all OpenSSL tells. */
function signRequest(der: Buffer, authority: CertificateAuthority, name: string): string {
  const args = ['req', '-inform', 'DER', '-noout', '-verify', '-pubkey'];
  const publicKey = createPublicKey(execFileSync('openssl', args, { input: der }));
  return signCertificate({
    issuer: { commonName: authority.name },
    issuerKey: createPrivateKey(authority.key),
    subject: { commonName: `system:node:${name}`, organizations: ['system:nodes'] },
    publicKey,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
    usages: ['client'],
  });
}
