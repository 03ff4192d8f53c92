// A configuration file: KubeletConfiguration's fields at the top level and our own below `nodelet:`.

import { dirname } from 'node:path';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { type Assignment, assign, type Layer } from './assignment.ts';
import { type FieldName, fieldOf, fieldsBelow, isFieldName, isSection, join, suggestPath } from './fields.ts';
import type { Origin, Problem } from './origin.ts';

export const API_VERSION = 'kubelet.config.k8s.io/v1beta1';
export const KIND = 'KubeletConfiguration';

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/** Reads a file into assignments; all of its problems at once, each with its line. */
export function parseConfigFile(file: ConfigFile): Layer {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines });
  const originAt = (offset: number): Origin => ({
    kind: 'file',
    path: file.path,
    line: Math.max(1, lines.linePos(offset).line),
  });
  if (document.errors.length > 0) {
    const problems = document.errors.map(error => ({
      path: '',
      message: error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? error.code,
      origin: originAt(error.pos[0]),
    }));
    return { assignments: [], problems };
  }
  const reader = new DocumentReader(document, originAt, dirname(file.path));
  reader.readRoot();
  return reader;
}

class DocumentReader implements Layer {
  readonly assignments: Assignment[] = [];
  readonly problems: Problem[] = [];
  readonly #document: Document;
  readonly #originAt: (offset: number) => Origin;
  readonly #baseDir: string;

  constructor(document: Document, originAt: (offset: number) => Origin, baseDir: string) {
    this.#document = document;
    this.#originAt = originAt;
    this.#baseDir = baseDir;
  }

  readRoot(): void {
    const root = this.#resolve(this.#document.contents);
    if (root === null || (isScalar(root) && root.value === null)) return; // an empty file says nothing
    if (isMap(root)) this.#readSection('', root);
    else
      this.problems.push({
        path: '',
        message: 'expected settings with their values',
        origin: this.#originAt(0),
      });
  }

  #readSection(section: string, map: YAMLMap): void {
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const origin = this.#originAt(rangeStart(key));
      const path = join(section, name);
      const node = this.#resolve(value);
      if (section === '' && (name === 'apiVersion' || name === 'kind')) this.#checkType(name, node, origin);
      else if (isFieldName(path)) this.#readField(path, node, origin);
      else if (isSection(path)) this.#readNested(path, node, origin);
      else this.problems.push({ path, message: unknownKey(section, name), origin });
    }
  }

  #checkType(name: 'apiVersion' | 'kind', node: Node | null, origin: Origin): void {
    const expected = name === 'kind' ? KIND : API_VERSION;
    const found: unknown = node?.toJS(this.#document);
    if (found !== expected) {
      this.problems.push({
        path: name,
        message: `expected ${expected}, got ${JSON.stringify(found ?? null)}`,
        origin,
      });
    }
  }

  #readNested(path: string, node: Node | null, origin: Origin): void {
    if (node === null || (isScalar(node) && node.value === null)) {
      for (const field of fieldsBelow(path)) this.assignments.push({ field, value: undefined, origin });
    } else if (isMap(node)) {
      this.#readSection(path, node);
    } else {
      this.problems.push({ path, message: 'expected a section with settings', origin });
    }
  }

  #readField(field: FieldName, node: Node | null, origin: Origin): void {
    const raw: unknown = node?.toJS(this.#document);
    if (fieldOf(field).isUnset(raw)) {
      this.assignments.push({ field, value: undefined, origin });
      return;
    }
    if (isMap(node) && fieldOf(field).isMap) {
      this.#readMapField(field, node, origin);
      return;
    }
    this.#add(assign(field, raw, origin, { baseDir: this.#baseDir }));
  }

  /** JSON merge patch, as for the kubelet's drop-ins: a null takes its key back. */
  #readMapField(field: FieldName, map: YAMLMap, origin: Origin): void {
    const entries: [string, unknown][] = [];
    const entryOrigins = new Map<string, Origin>();
    const removedKeys: string[] = [];
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const item: unknown = this.#resolve(value)?.toJS(this.#document);
      entryOrigins.set(name, this.#originAt(rangeStart(key)));
      if (item === null || item === undefined) removedKeys.push(name);
      else entries.push([name, item]);
    }
    const layer = assign(field, Object.fromEntries(entries), origin, {
      baseDir: this.#baseDir,
      entryOrigins,
    });
    this.#add({
      ...layer,
      assignments: layer.assignments.map(assignment => ({ ...assignment, removedKeys })),
    });
  }

  #add(layer: Layer): void {
    this.assignments.push(...layer.assignments);
    this.problems.push(...layer.problems);
  }

  #resolve(value: unknown): Node | null {
    const node = isAlias(value) ? value.resolve(this.#document) : value;
    // The composer puts nothing but nodes and null into a document it read from text.
    return (node ?? null) as Node | null;
  }
}

function rangeStart(key: unknown): number {
  return isScalar(key) || isMap(key) ? (key.range?.[0] ?? 0) : 0;
}

function unknownKey(section: string, name: string): string {
  const meant = suggestPath(section, name);
  return meant === undefined ? 'unknown key' : `unknown key, did you mean ${meant}?`;
}
