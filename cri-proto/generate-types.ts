// Writes runtime.v1.ts from runtime.v1.proto: `node cri-proto/generate-types.ts`. Reads only the plain subset of the
// language that our own file is written in: one declaration or field a line, comments above what they speak of.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface ProtoField {
  readonly name: string;
  readonly type: string;
  readonly isRepeated: boolean;
  readonly isMap: boolean;
  readonly comment: string;
}

interface ProtoMessage {
  readonly name: string;
  readonly comment: string;
  readonly fields: ProtoField[];
}

interface ProtoEnum {
  readonly name: string;
  readonly comment: string;
  readonly values: string[];
}

interface ProtoCall {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly isStream: boolean;
}

interface ProtoFile {
  readonly messages: ProtoMessage[];
  readonly enums: ProtoEnum[];
  readonly services: { readonly name: string; readonly calls: ProtoCall[] }[];
}

/** Which way a message travels: what we send is partial, what we receive is complete. */
type Direction = 'sent' | 'received';

const PROTO_PATH = join(import.meta.dirname, 'runtime.v1.proto');
const TYPES_PATH = join(import.meta.dirname, 'runtime.v1.ts');

const SCALARS: Readonly<Record<Direction, Readonly<Record<string, string>>>> = {
  received: {
    string: 'string',
    bool: 'boolean',
    bytes: 'Buffer',
    int32: 'number',
    uint32: 'number',
    double: 'number',
    int64: 'Int64',
    uint64: 'Int64',
  },
  sent: {
    string: 'string',
    bool: 'boolean',
    bytes: 'Uint8Array',
    int32: 'number',
    uint32: 'number',
    double: 'number',
    int64: 'Int64Input',
    uint64: 'Int64Input',
  },
};

const HEADER = `// Made by generate-types.ts from runtime.v1.proto: change that file, then run \`node cri-proto/generate-types.ts\`.
// A message that goes both ways has two types: \`Mount\` as received, \`MountInput\` as sent. Received fields are all
// there (null for a missing message); sent fields are all optional.

/** A 64-bit number as decimal text: nanoseconds do not fit a double. */
export type Int64 = string;
export type Int64Input = string | number;
`;

/** The text of runtime.v1.ts for a .proto text. */
export function buildTypes(protoText: string): string {
  const file = parseProto(protoText);
  const directions = findDirections(file);
  const parts = [HEADER];
  for (const item of file.enums) {
    const values = item.values.map(value => `'${value}'`).join(' | ');
    parts.push(`${jsDoc(item.comment, '')}export type ${item.name} = ${values};\n`);
  }
  for (const message of file.messages) {
    const used = directions.get(message.name) ?? new Set<Direction>();
    for (const direction of used) parts.push(buildInterface(file, message, direction, directions));
  }
  for (const service of file.services) {
    const lines = service.calls.map(
      call =>
        `  readonly ${call.name}: { readonly request: ${call.request}; readonly response: ${call.response} };`,
    );
    parts.push(`export interface ${service.name}Calls {\n${lines.join('\n')}\n}\n`);
  }
  return parts.join('\n');
}

function buildInterface(
  file: ProtoFile,
  message: ProtoMessage,
  direction: Direction,
  directions: ReadonlyMap<string, ReadonlySet<Direction>>,
): string {
  const name = typeName(message.name, direction, directions);
  const lines = message.fields.map(field => {
    const isMessage = file.messages.some(other => other.name === field.type);
    const single = SCALARS[direction][field.type] ?? typeName(field.type, direction, directions);
    let type = isMessage && direction === 'received' ? `${single} | null` : single;
    if (field.isRepeated) type = `readonly ${single}[]`;
    if (field.isMap) type = `Readonly<Record<string, ${single}>>`;
    const optional = direction === 'sent' ? ['?', ' | undefined'] : ['', ''];
    return `${jsDoc(field.comment, '  ')}  readonly ${camelCase(field.name)}${optional[0]}: ${type}${optional[1]};`;
  });
  const doc = jsDoc(message.comment, '');
  if (lines.length === 0) return `${doc}export type ${name} = Readonly<Record<string, never>>;\n`;
  return `${doc}export interface ${name} {\n${lines.join('\n')}\n}\n`;
}

function typeName(
  name: string,
  direction: Direction,
  directions: ReadonlyMap<string, ReadonlySet<Direction>>,
): string {
  return direction === 'sent' && directions.get(name)?.size === 2 ? `${name}Input` : name;
}

function findDirections(file: ProtoFile): Map<string, Set<Direction>> {
  const directions = new Map<string, Set<Direction>>();
  const visit = (name: string, direction: Direction): void => {
    const message = file.messages.find(other => other.name === name);
    const seen = directions.get(name) ?? new Set<Direction>();
    if (!message || seen.has(direction)) return;
    directions.set(name, seen.add(direction));
    for (const field of message.fields) visit(field.type, direction);
  };
  for (const call of file.services.flatMap(service => service.calls)) {
    visit(call.request, 'sent');
    visit(call.response, 'received');
  }
  return directions;
}

function parseProto(text: string): ProtoFile {
  const file: ProtoFile = { messages: [], enums: [], services: [] };
  const open: (ProtoMessage | ProtoEnum | ProtoFile['services'][number])[] = [];
  let comments: string[] = [];
  for (const line of text.split('\n').map(each => each.trim())) {
    if (line.startsWith('//')) {
      comments.push(line.slice(2).trim());
      continue;
    }
    parseLine(line, comments.join(' '), file, open);
    comments = [];
  }
  return file;
}

function parseLine(
  line: string,
  comment: string,
  file: ProtoFile,
  open: (ProtoMessage | ProtoEnum | ProtoFile['services'][number])[],
): void {
  const block = /^(message|enum|service) (\w+) \{(\})?$/.exec(line);
  if (block) {
    const [, kind, name = '', closed] = block;
    if (kind === 'message') open.push(push(file.messages, { name, comment, fields: [] }));
    if (kind === 'enum') open.push(push(file.enums, { name, comment, values: [] }));
    if (kind === 'service') open.push(push(file.services, { name, calls: [] }));
    if (closed) open.pop();
    return;
  }
  const inner = open.at(-1);
  if (line === '}') open.pop();
  else if (inner && 'fields' in inner) inner.fields.push(parseField(line, comment));
  else if (inner && 'values' in inner) inner.values.push(line.split(' ')[0] ?? '');
  else if (inner && line !== '') inner.calls.push(parseCall(line));
}

function parseField(line: string, comment: string): ProtoField {
  const map = /^map<string, (\w+)> (\w+) = \d+;$/.exec(line);
  if (map) return { type: map[1] ?? '', name: map[2] ?? '', isRepeated: false, isMap: true, comment };
  const field = /^(repeated )?(\w+) (\w+) = \d+( \[deprecated = true\])?;$/.exec(line);
  if (!field) throw new Error(`cannot read this field: ${line}`);
  return { type: field[2] ?? '', name: field[3] ?? '', isRepeated: !!field[1], isMap: false, comment };
}

function parseCall(line: string): ProtoCall {
  const call = /^rpc (\w+)\((\w+)\) returns \((stream )?(\w+)\);$/.exec(line);
  if (!call) throw new Error(`cannot read this call: ${line}`);
  return { name: call[1] ?? '', request: call[2] ?? '', isStream: !!call[3], response: call[4] ?? '' };
}

function push<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

/** As the loader renames fields: `CDI_devices` becomes `CDIDevices`, `pod_cidr` becomes `podCidr`. */
function camelCase(name: string): string {
  return (
    name.slice(0, 1) +
    name.slice(1).replace(/_([a-z])(?=[a-z]|$)/g, (_, letter: string) => letter.toUpperCase())
  );
}

function jsDoc(comment: string, indent: string): string {
  // Section headings of the .proto stand above messages, set off by dashes and a blank line.
  return comment === '' || comment.startsWith('----') ? '' : `${indent}/** ${comment} */\n`;
}

if (import.meta.main) await writeFile(TYPES_PATH, buildTypes(await readFile(PROTO_PATH, 'utf8')));
