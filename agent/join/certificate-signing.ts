// One CertificateSigningRequest from its creation to its end. The name follows from the key and from what is asked, so
// asking again after a restart finds the same object.

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { ApiClient } from '../api/client.ts';
import type { KubeObject } from '../api/objects.ts';
import { certificateSigningRequestsPath } from '../api/paths.ts';
import { watchObjects } from '../api/watch.ts';
import { AlreadyExistsError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { DistinguishedName } from '../lib/x509.ts';
import { requestPem, type SubjectAltNames } from './certificate-request.ts';

export interface SigningRequest {
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly subject: Required<DistinguishedName>;
  readonly names: SubjectAltNames;
  /** PEM. */
  readonly key: string;
}

export type SigningOutcome =
  | { readonly kind: 'issued'; readonly certificate: string }
  /** Somebody said no, or the signer cannot sign it: this request will never be a certificate. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'waiting'; readonly name: string };

interface Condition {
  readonly type: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface CertificateSigningRequest extends KubeObject {
  readonly status?: { readonly certificate?: string; readonly conditions?: readonly Condition[] };
}

/** `node:system`'s own certificate for the API server, and the one its node API shows. */
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';

interface Deps {
  readonly client: ApiClient;
  readonly logger: Logger;
}

/** Creates the request if it is not there, and waits for its end as long as `timeoutMs`. */
export async function requestCertificate(
  { client, logger }: Deps,
  request: SigningRequest,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<SigningOutcome> {
  const body = describe(request);
  const { name } = body.metadata;
  try {
    await client.create(certificateSigningRequestsPath, body, { signal });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
  const outcome = await untilDecided(
    client,
    name,
    logger,
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  );
  signal.throwIfAborted();
  return outcome ?? { kind: 'waiting', name };
}

function describe({ signerName, usages, subject, names, key }: SigningRequest) {
  const privateKey = createPrivateKey(key);
  const digest = createHash('sha512-256')
    .update(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))
    .update([subject.commonName, ...subject.organizations, ...usages].join('|'))
    .update([...names.dnsNames, ...names.ips].join('|'))
    .digest('base64url');
  const pem = requestPem(privateKey, subject, names);
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `node-csr-${digest}` },
    spec: { request: Buffer.from(pem).toString('base64'), signerName, usages },
  };
}

async function untilDecided(
  client: ApiClient,
  name: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<SigningOutcome | undefined> {
  const query = { fieldSelector: `metadata.name=${name}` };
  const options = { path: certificateSigningRequestsPath, query, signal, logger };
  for await (const event of watchObjects<CertificateSigningRequest>(client, options)) {
    if (event.kind === 'deleted') return { kind: 'refused', message: `request ${name} was deleted` };
    const outcome = decide(event.kind === 'synced' ? event.objects[0] : event.object);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
}

function decide(request: CertificateSigningRequest | undefined): SigningOutcome | undefined {
  if (request === undefined) return undefined;
  const { certificate, conditions = [] } = request.status ?? {};
  const no = conditions.find(({ type, status }) => isRefusal(type) && status !== 'False');
  if (no !== undefined) {
    const why = [no.reason, no.message].filter(Boolean).join(': ');
    return {
      kind: 'refused',
      message: `request ${request.metadata.name} was ${no.type.toLowerCase()} (${why})`,
    };
  }
  if (!certificate) return undefined;
  return { kind: 'issued', certificate: Buffer.from(certificate, 'base64').toString('utf8') };
}

function isRefusal(type: string): boolean {
  return type === 'Denied' || type === 'Failed';
}
