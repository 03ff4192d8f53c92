// What a k3s server offers to its agents: its CA, certificates for a node, the cluster's settings (k3s: pkg/server/handlers).

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { type ApiError, errorFromResponse } from '../api/errors.ts';
import { DeniedError, InvalidError, UnavailableError } from '../lib/errors.ts';
import { certificateBlocks } from '../lib/pem.ts';
import { signCertificateRequest } from '../lib/x509.ts';
import { askServer, type ServerQuestion } from './ask-server.ts';
import { generateKeyPem } from './certificate-request.ts';
import type { K3sToken } from './k3s-token.ts';
import { type KeyPair, parseKeyPair } from './key-pair.ts';

export interface K3sNode {
  readonly name: string;
  /** Made once for a machine: who has the name but not this is another one. */
  readonly password: string;
}

/** What of the server's settings concerns an agent. */
export interface K3sConfig {
  readonly ClusterDNS?: string;
  /** One per family. */
  readonly ClusterDNSs?: readonly string[] | null;
  readonly ClusterDomain?: string;
  readonly DisableKubeProxy?: boolean;
  readonly DisableServiceLB?: boolean;
  readonly EgressSelectorMode?: string;
}

interface Options {
  readonly signal: AbortSignal;
}

/** Says where `PRIVATE KEY` came from: servers before v1.31 know no requests and share one key among all nodes. */
const SHARED_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

export class K3sServer {
  readonly #url: string;
  readonly #token: K3sToken;
  readonly ca: string;
  /** Of this machine, as the server sees it; the Node's unless another is given. */
  readonly localAddress: string;

  private constructor(url: string, token: K3sToken, ca: string, localAddress: string) {
    this.#url = url;
    this.#token = token;
    this.ca = ca;
    this.localAddress = localAddress;
  }

  /** Asks for the CA twice: without trust, and then with that CA alone. */
  static async find(url: string, token: K3sToken, options: Options): Promise<K3sServer> {
    const first = await askServer(url, { path: '/cacerts', ca: undefined }, options);
    if (first.status !== 200 || !first.text.includes('BEGIN CERTIFICATE')) {
      throw new InvalidError(`${url} is no server of k3s: no certificates under /cacerts`, { code: 'NoK3s' });
    }
    if (token.caHash !== undefined && !hashesOf(first.text).includes(token.caHash)) {
      const text = `the CA of ${url} is not the one in the token: is it this cluster?`;
      throw new DeniedError(text, { code: 'WrongCA' });
    }
    const second = await askServer(url, { path: '/cacerts', ca: first.text }, options);
    if (second.text !== first.text) {
      const text = `${url} answers with two different CAs: is there a proxy in between?`;
      throw new DeniedError(text, { code: 'ClusterInfoChanged' });
    }
    return new K3sServer(url, token, first.text, second.localAddress);
  }

  async readText(name: 'client-ca.crt', options: Options): Promise<string> {
    return await this.#ask({ path: `/v1-k3s/${name}` }, options);
  }

  async readConfig(options: Options): Promise<K3sConfig> {
    // The server's own document; fields that are not there are not used.
    return JSON.parse(await this.#ask({ path: '/v1-k3s/config' }, options)) as K3sConfig;
  }

  /** The subject is the server's to say; the request brings a public key. */
  async issue(
    kind: 'client-kubelet' | 'serving-kubelet',
    { name, password }: K3sNode,
    nodeIP: string,
    options: Options,
  ): Promise<KeyPair> {
    const key = generateKeyPem();
    const subject = { commonName: `system:node:${name}`, organizations: ['system:nodes'] };
    const body = signCertificateRequest(createPrivateKey(key), subject, []);
    const headers = { 'k3s-Node-Name': name, 'k3s-Node-Password': password, 'k3s-Node-IP': nodeIP };
    const answer = await this.#ask({ path: `/v1-k3s/${kind}.crt`, headers, body }, options);
    return parseKeyPair(SHARED_KEY.test(answer) ? answer : `${answer.trimEnd()}\n${key}`);
  }

  async #ask(question: Omit<ServerQuestion, 'ca'>, options: Options): Promise<string> {
    const headers = { ...question.headers, authorization: this.#token.authorization };
    const { status, text } = await askServer(this.#url, { ...question, ca: this.ca, headers }, options);
    if (status === 200) return text;
    const { path, body } = question;
    const method = body === undefined ? 'GET' : 'POST';
    throw this.#refusal(
      errorFromResponse({ method, path, statusCode: status, body: text, retryAfter: undefined }),
      status,
    );
  }

  #refusal(error: ApiError, status: number): ApiError {
    const { message } = error;
    if (status === 401) {
      return new DeniedError(`${this.#url} does not accept the token`, { code: 'Unauthorized' });
    }
    if (status === 403) {
      const advice = /password/i.test(message)
        ? 'another machine has joined under this name: choose another --node-name, or delete that Node first'
        : 'is it the token of a server, or of agents?';
      return new DeniedError(`${this.#url} refuses: ${message}; ${advice}`, { code: 'Forbidden' });
    }
    const { code } = error;
    if (error instanceof UnavailableError) {
      return new UnavailableError(`${this.#url} cannot answer yet: ${message}; try again`, { code });
    }
    return new InvalidError(`${this.#url} answers: ${message}`, { code });
  }
}

/** Of one certificate the answer as it is, of a chain its root. */
function hashesOf(pem: string): readonly string[] {
  const blocks = certificateBlocks(pem);
  const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
  if (blocks.length <= 1) return [sha256(pem)];
  const certificates = blocks.map(block => new X509Certificate(block));
  return certificates.filter(one => one.checkIssued(one)).map(({ raw }) => sha256(raw));
}
