// ConfigMap and Secret keys as files (core/v1 ConfigMapVolumeSource, SecretVolumeSource).
import type { ObjectLookup, StoredObject } from './object-store.ts';
import type { FileProjection, PayloadOutcome } from './payload.ts';
import type { KeyToPath } from './volume-source.ts';

export interface KeyFilesSource {
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number | undefined;
  readonly optional?: boolean;
}

interface KindWords {
  readonly missingObject: (name: string) => string;
  readonly missingKey: (key: string) => string;
  readonly cache: string;
}

const WORDS = {
  configmaps: {
    missingObject: name => `configmap "${name}" not found`,
    missingKey: key => `configmap references non-existent config key: ${key}`,
    cache: 'configmap',
  },
  secrets: {
    missingObject: name => `secret "${name}" not found`,
    missingKey: key => `references non-existent secret key: ${key}`,
    cache: 'secret',
  },
} satisfies Record<string, KindWords>;

export const NO_DEFAULT_MODE = 'no defaultMode used, not even the default value for it';

/** The files of one object, or why there are none; a missing optional object or key gives no file. */
export function buildKeyFiles(
  kind: keyof typeof WORDS,
  name: string,
  source: KeyFilesSource,
  lookup: ObjectLookup,
): PayloadOutcome {
  const words: KindWords = WORDS[kind];
  if (source.defaultMode === undefined) return { kind: 'failed', problems: [NO_DEFAULT_MODE] };
  switch (lookup.kind) {
    case 'unknown':
      return {
        kind: 'failed',
        problems: [`failed to sync ${words.cache} cache: timed out waiting for the condition`],
      };
    case 'absent':
      return source.optional
        ? { kind: 'built', payload: new Map() }
        : { kind: 'failed', problems: [words.missingObject(name)] };
    case 'present':
      return selectFiles(contentByKey(kind, lookup.object), source, source.defaultMode, words);
  }
}

function selectFiles(
  content: ReadonlyMap<string, Buffer>,
  source: KeyFilesSource,
  defaultMode: number,
  words: KindWords,
): PayloadOutcome {
  const payload = new Map<string, FileProjection>();
  if (!source.items || source.items.length === 0) {
    for (const [key, bytes] of content) payload.set(key, { content: bytes, mode: defaultMode });
    return { kind: 'built', payload };
  }
  for (const item of source.items) {
    const bytes = content.get(item.key);
    if (bytes) payload.set(item.path, { content: bytes, mode: item.mode ?? defaultMode });
    else if (!source.optional) return { kind: 'failed', problems: [words.missingKey(item.key)] };
  }
  return { kind: 'built', payload };
}

function contentByKey(kind: keyof typeof WORDS, object: StoredObject): Map<string, Buffer> {
  const textEncoding = kind === 'secrets' ? 'base64' : 'utf8';
  const content = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(object.data ?? {}))
    content.set(key, Buffer.from(text, textEncoding));
  for (const [key, text] of Object.entries(object.binaryData ?? {}))
    content.set(key, Buffer.from(text, 'base64'));
  return content;
}
