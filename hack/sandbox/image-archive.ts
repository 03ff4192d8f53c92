// Writes an OCI image layout (OCI image-spec, image-layout.md) as one archive, without any container tool.
import { createHash } from 'node:crypto';
import { buildTar, type TarEntry } from './tar.ts';

export interface ImageSpec {
  /** Full references, e.g. `docker.io/library/busybox:1.36`. */
  readonly names: readonly string[];
  readonly files: readonly TarEntry[];
  /** Whole tar archives below the files; images that are given the same buffer share the layer. */
  readonly baseLayers?: readonly Buffer[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
}

interface Blob {
  readonly digest: string;
  readonly content: Buffer;
}

/** What a registry stores of one image. */
export interface BuiltImage {
  readonly names: readonly string[];
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
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
  return archiveImages(buildImages(images, architecture), architecture);
}

/** The same, of images that are built already. */
export function archiveImages(images: readonly BuiltImage[], architecture: string): Buffer {
  const blobs = new Map<string, Buffer>();
  const manifests = images.flatMap(({ names, manifest, config, layers }) => {
    for (const { digest, content } of [...layers, config, manifest]) blobs.set(digest, content);
    return names.map(name => ({
      ...descriptor(MEDIA_TYPES.manifest, manifest),
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

export function buildImages(images: readonly ImageSpec[], architecture: string): BuiltImage[] {
  const bases = new Map<Buffer, Blob>();
  const baseLayer = (content: Buffer): Blob => {
    const layer = bases.get(content) ?? blob(content); // a digest of a large layer takes its time
    bases.set(content, layer);
    return layer;
  };
  return images.map(image => {
    const layers = [...(image.baseLayers ?? []).map(baseLayer), blob(buildTar(image.files))];
    return buildImage(image, layers, architecture);
  });
}

function buildImage(image: ImageSpec, layers: readonly Blob[], architecture: string): BuiltImage {
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
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) }, // they are not compressed
    }),
  );
  const manifest = blob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: descriptor(MEDIA_TYPES.config, config),
      layers: layers.map(layer => descriptor(MEDIA_TYPES.layer, layer)),
    }),
  );
  return { names: image.names, layers, config, manifest };
}

function blob(content: Buffer | string): Blob {
  const bytes = Buffer.from(content);
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, content: bytes };
}

function descriptor(mediaType: string, { digest, content }: Blob): object {
  return { mediaType, digest, size: content.length };
}
