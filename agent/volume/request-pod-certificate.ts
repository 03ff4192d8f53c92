// One PodCertificateRequest (certificates.k8s.io/v1beta1, KEP-4317): a new key, the request for it, and what became of it.
// The key never leaves this process but into the pod's volume.
import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { ApiClient } from '../api/client.ts';
import type { KubeObject } from '../api/objects.ts';
import { podCertificateRequestsPath, serviceAccountPath } from '../api/paths.ts';
import { watchObjects } from '../api/watch.ts';
import type { Logger } from '../lib/logger.ts';
import { certificateBlocks } from '../lib/pem.ts';
import { privateKeyPem, signCertificateRequest } from '../lib/x509.ts';
import type { PodCertificateSource } from './volume-source.ts';

export interface PodIdentity {
  readonly podUID: string;
  readonly podName: string;
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly nodeName: string;
  readonly nodeUID: string;
}

export interface IssuedCertificate {
  /** PEM, PKCS#8. */
  readonly key: string;
  /** PEM, the pod's own certificate first. */
  readonly chain: string;
  readonly beginRefreshAtMs: number;
  readonly notAfterMs: number;
}

export type CertificateOutcome =
  | { readonly kind: 'issued'; readonly certificate: IssuedCertificate }
  /** For good: the signer has decided. */
  | { readonly kind: 'refused'; readonly problem: string }
  /** Nobody has decided in time, or the request was deleted. */
  | { readonly kind: 'abandoned' };

interface PodCertificateRequest extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly certificateChain?: string;
    readonly beginRefreshAt?: string;
    readonly notAfter?: string;
  };
}

const REQUEST_TIMEOUT_MS = 10_000;
const ABANDON_MS = 600_000; // as the kubelet: a request that is not decided by then may well be gone

/** Throws what the API server answers to the request itself. */
export async function requestPodCertificate(
  { client, logger }: { readonly client: ApiClient; readonly logger: Logger },
  pod: PodIdentity,
  source: PodCertificateSource,
  { signal }: { signal: AbortSignal },
): Promise<CertificateOutcome> {
  const { namespace } = pod;
  const options = { signal, timeoutMs: REQUEST_TIMEOUT_MS };
  const [privateKey, account] = await Promise.all([
    generateKey(source.keyType),
    client.get<KubeObject>(serviceAccountPath(namespace, pod.serviceAccountName), options),
  ]);
  const body = buildRequest(pod, account.metadata.uid ?? '', source, privateKey);
  const path = podCertificateRequestsPath(namespace);
  const { metadata } = await client.create<KubeObject>(path, body, options);
  const isOver = AbortSignal.any([signal, AbortSignal.timeout(ABANDON_MS)]);
  // Node authorisation lets a node watch what names it, and nothing else.
  const query = { fieldSelector: `spec.nodeName=${pod.nodeName},metadata.name=${metadata.name}` };
  try {
    for await (const event of watchObjects<PodCertificateRequest>(client, {
      path,
      query,
      signal: isOver,
      logger,
    })) {
      if (event.kind === 'deleted') return { kind: 'abandoned' };
      const request = event.kind === 'upserted' ? event.object : event.objects[0];
      const outcome = request && judge(request, privateKeyPem(privateKey));
      if (outcome) return outcome;
    }
  } catch (error) {
    if (!isOver.aborted) throw error;
  }
  return { kind: 'abandoned' };
}

function buildRequest(
  { podUID, podName, namespace, serviceAccountName, nodeName, nodeUID }: PodIdentity,
  serviceAccountUID: string,
  { signerName, maxExpirationSeconds, userAnnotations }: PodCertificateSource,
  privateKey: KeyObject,
): object {
  return {
    apiVersion: 'certificates.k8s.io/v1beta1',
    kind: 'PodCertificateRequest',
    metadata: {
      namespace,
      generateName: 'req-',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: podName, uid: podUID }],
    },
    spec: {
      signerName,
      podName,
      podUID,
      serviceAccountName,
      serviceAccountUID,
      nodeName,
      nodeUID,
      maxExpirationSeconds,
      // Only proves that we have the key; whom the certificate names is the signer's to say.
      stubPKCS10Request: signCertificateRequest(privateKey, { commonName: '' }, []).toString('base64'),
      unverifiedUserAnnotations: userAnnotations,
    },
  };
}

function judge({ status }: PodCertificateRequest, key: string): CertificateOutcome | undefined {
  for (const { type, reason = '', message = '' } of status?.conditions ?? []) {
    if (type === 'Denied' || type === 'Failed') {
      const verdict = `permanently ${type.toLowerCase()}`;
      const why = `reason=${JSON.stringify(reason)} message=${JSON.stringify(message)}`;
      return { kind: 'refused', problem: `PodCertificateRequest was ${verdict}: ${why}` };
    }
    if (type !== 'Issued') continue;
    const { certificateChain = '', beginRefreshAt = '', notAfter = '' } = status ?? {};
    const chain = certificateBlocks(certificateChain);
    const certificate = {
      key,
      chain: chain.map(one => `${one}\n`).join(''),
      beginRefreshAtMs: Date.parse(beginRefreshAt),
      notAfterMs: Date.parse(notAfter),
    };
    return { kind: 'issued', certificate };
  }
  return undefined;
}

const generate = promisify(generateKeyPair);

// In the thread pool: a long RSA key takes seconds.
async function generateKey(keyType: string): Promise<KeyObject> {
  switch (keyType) {
    case 'RSA3072':
      return (await generate('rsa', { modulusLength: 3072 })).privateKey;
    case 'RSA4096':
      return (await generate('rsa', { modulusLength: 4096 })).privateKey;
    case 'ECDSAP256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'ECDSAP384':
      return (await generate('ec', { namedCurve: 'P-384' })).privateKey;
    case 'ECDSAP521':
      return (await generate('ec', { namedCurve: 'P-521' })).privateKey;
    case 'ED25519':
      return generateKeyPairSync('ed25519').privateKey;
    default:
      throw new Error(`unknown key type "${keyType}"`);
  }
}
