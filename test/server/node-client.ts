// Talks to a node's API directly, as any client on the network can: with or without credentials, well-formed or not.
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import {
  type CertificateAuthority,
  type CertificateRequest,
  createCertificateAuthority,
  issueCertificate,
  type KeyedCertificate,
} from '../../hack/sandbox/pki/certificate.ts';
import type { Sandbox } from '../../hack/sandbox/sandbox.ts';

const PORT = 10_250;
const ANSWER_TIMEOUT_MS = 20_000;

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Ask {
  readonly method?: string;
  readonly client?: KeyedCertificate;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export class NodeClient {
  readonly #address: string;
  readonly #authority: CertificateAuthority;
  readonly #agent = new Agent({ keepAlive: true }); // keeps connections of different certificates apart

  private constructor(address: string, authority: CertificateAuthority) {
    this.#address = address;
    this.#authority = authority;
  }

  static async open(sandbox: Sandbox, nodeName = 'node-1'): Promise<NodeClient> {
    const read = (file: string) => readFile(join(sandbox.paths.pki, file), 'utf8');
    const authority = { name: 'kubernetes', certificate: await read('ca.crt'), key: await read('ca.key') };
    return new NodeClient(sandbox.node(nodeName).address, authority);
  }

  /** A certificate that the node's clientCAFile vouches for. */
  issue(spec: CertificateRequest): KeyedCertificate {
    return issueCertificate(this.#authority, spec);
  }

  /** One that it does not. */
  issueForeign(spec: CertificateRequest): KeyedCertificate {
    return issueCertificate(createCertificateAuthority('kubernetes'), spec);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** One request; the node's certificate has to be the cluster's. */
  ask(path: string, { method = 'GET', client, token, headers = {}, body }: Ask = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: this.#address,
          port: PORT,
          path,
          method,
          ca: this.#authority.certificate,
          ...(client && { cert: client.certificate, key: client.key }),
          headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
          agent: this.#agent,
          timeout: ANSWER_TIMEOUT_MS,
        },
        response => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers });
          });
        },
      );
      sent.once('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer`)));
      sent.once('error', reject);
      sent.end(body);
    });
  }

  /** An HTTP/2 connection; `askOn` asks on it. */
  openHttp2(client?: KeyedCertificate): ClientHttp2Session {
    const session = connectHttp2(`https://${this.#address}:${PORT}`, {
      ca: this.#authority.certificate,
      ...(client && { cert: client.certificate, key: client.key }),
    });
    return session.on('error', () => session.destroy()); // being cut off is an answer too
  }

  /** A TLS connection to say anything on. */
  connect(client?: KeyedCertificate, protocols: string[] = []): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: this.#address,
        port: PORT,
        ca: this.#authority.certificate,
        ALPNProtocols: protocols,
        ...(client && { cert: client.certificate, key: client.key }),
      });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }
}

/** The answer to one request; its status is 0 when there is none. */
export function askOn(
  session: ClientHttp2Session,
  path: string,
  method = 'GET',
  headers: Readonly<Record<string, string>> = {},
): Promise<Pick<Answer, 'status' | 'body'>> {
  return new Promise(resolve => {
    const stream = session.request({ ...headers, ':path': path, ':method': method });
    let status = 0;
    let body = '';
    stream.once('response', answer => (status = answer[':status'] ?? 0));
    stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
    stream.on('error', () => undefined);
    stream.once('close', () => resolve({ status, body }));
  });
}
