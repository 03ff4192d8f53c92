// Writes an OCI image layout (OCI image-spec, image-layout.md) as one archive, without any container tool.
import { createHash } from 'node:crypto';
import { buildTar, type TarEntry } from './tar.ts';

export interface ImageSpec {
  /** Full references, e.g. `docker.io/library/busybox:1.36`. */
  readonly names: readonly string[];
  readonly files: readonly TarEntry[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
}

interface Blob {
  readonly digest: string;
  readonly content: Buffer;
}

const MEDIA_TYPES = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const;

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** One archive with all the images; `architecture` in Go's spelling. */
export function buildImageArchive(images: readonly ImageSpec[], architecture: string): Buffer {
  const blobs = new Map<string, Buffer>();
  const manifests = images.flatMap(image => {
    const parts = buildImage(image, architecture);
    for (const { digest, content } of [parts.layer, parts.config, parts.manifest]) blobs.set(digest, content);
    return image.names.map(name => ({
      ...descriptor(MEDIA_TYPES.manifest, parts.manifest),
      platform: { os: 'linux', architecture },
      annotations: {
        'io.containerd.image.name': name,
        'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
      },
    }));
  });
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests };
  return buildTar([
    { kind: 'file', path: 'oci-layout', content: JSON.stringify({ imageLayoutVersion: '1.0.0' }) },
    { kind: 'file', path: 'index.json', content: JSON.stringify(index) },
    ...[...blobs].map(
      ([digest, content]): TarEntry => ({ kind: 'file', path: `blobs/${digest.replace(':', '/')}`, content }),
    ),
  ]);
}

function buildImage(image: ImageSpec, architecture: string): { layer: Blob; config: Blob; manifest: Blob } {
  const layer = blob(buildTar(image.files));
  const config = blob(
    JSON.stringify({
      os: 'linux',
      architecture,
      config: {
        Env: [`PATH=${DEFAULT_PATH}`],
        ...(image.entrypoint && { Entrypoint: image.entrypoint }),
        ...(image.command && { Cmd: image.command }),
        ...(image.user && { User: image.user }),
        WorkingDir: '/',
      },
      rootfs: { type: 'layers', diff_ids: [layer.digest] }, // the layer is not compressed
    }),
  );
  const manifest = blob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: descriptor(MEDIA_TYPES.config, config),
      layers: [descriptor(MEDIA_TYPES.layer, layer)],
    }),
  );
  return { layer, config, manifest };
}

function blob(content: Buffer | string): Blob {
  const bytes = Buffer.from(content);
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, content: bytes };
}

function descriptor(mediaType: string, { digest, content }: Blob): object {
  return { mediaType, digest, size: content.length };
}
