export type ImageName =
  | { readonly kind: 'ok'; readonly reference: string }
  | { readonly kind: 'invalid'; readonly message: string };

// The grammar of distribution/reference: optional host, lower-case path, tag, digest.
const HOST =
  /(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?/;
const IPV6_HOST = /\[[0-9a-fA-F:]+\](?::[0-9]+)?/;
const PATH_PART = /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/;
const REFERENCE = new RegExp(
  `^(?:(?:${HOST.source}|${IPV6_HOST.source})/)?${PATH_PART.source}(?:/${PATH_PART.source})*` +
    '(:[\\w][\\w.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$',
);

/** Checks an image name and adds `:latest` where it has neither tag nor digest, as the kubelet does before any call. */
export function parseImageName(image: string): ImageName {
  const parts = REFERENCE.exec(image);
  if (!parts) {
    const problem = `invalid reference format${describeUpperCase(image)}`;
    return { kind: 'invalid', message: `couldn't parse image name "${image}": ${problem}` };
  }
  const [, tag, digest] = parts;
  return { kind: 'ok', reference: tag || digest ? image : `${image}:latest` };
}

/** The name as it is written, without tag and digest. */
export function nameWithoutVersion(image: string): string {
  const [name = ''] = image.split('@');
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon < 0 ? name : name.slice(0, colon);
}

/** The repository with its registry: `busybox:1` is of `docker.io/library/busybox`. */
export function repositoryOf(image: string): string {
  const name = nameWithoutVersion(image);
  const [first = '', ...rest] = name.split('/');
  if (rest.length === 0) return `docker.io/library/${name}`;
  return /[.:]/.test(first) || first === 'localhost' ? name : `docker.io/${name}`;
}

// The commonest mistake has words of its own in the containers' reference grammar.
function describeUpperCase(image: string): string {
  const slash = image.indexOf('/');
  const host = image.slice(0, Math.max(0, slash));
  const hasHost = /[.:]/.test(host) || host === 'localhost' || host !== host.toLowerCase();
  const [repository = ''] = (hasHost ? image.slice(slash + 1) : image).split(':');
  if (repository === repository.toLowerCase()) return '';
  return `: repository name (${hasHost || slash >= 0 ? repository : `library/${repository}`}) must be lowercase`;
}
