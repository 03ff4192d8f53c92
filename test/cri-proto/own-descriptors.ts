// What our .proto files say, in the form in which descriptors/main.go prints what the Go modules say.

import { join } from 'node:path';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

export interface FieldDescription {
  readonly name: string;
  readonly number: number;
  /** `string`, `int64`, `message`, `enum` ...; of the values, for a map. */
  readonly kind: string;
  /** Of a message or enum, without its package. */
  readonly typeName: string;
  readonly repeated: boolean;
  /** The kind of a map's keys, empty for everything else. */
  readonly mapKey: string;
}

export interface MethodDescription {
  readonly request: string;
  readonly response: string;
  readonly requestStreams: boolean;
  readonly responseStreams: boolean;
}

type Named<T> = Record<string, Record<string, T>>;

export interface Description {
  readonly messages: Named<FieldDescription>;
  readonly enums: Named<number>;
  readonly services: Named<MethodDescription>;
}

// As far as they are looked at, protobuf's own descriptor messages.
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly enumType: readonly EnumDescriptor[];
  readonly options: { readonly mapEntry: boolean } | null;
}

const PROTO_DIRECTORY = join(import.meta.dirname, '../../cri-proto');
const FORMAT_PREFIX = 'Protocol Buffer 3 ';

export function describeOwn(fileName: string): Description {
  const definitions = loadSync(join(PROTO_DIRECTORY, fileName), { keepCase: true });
  const all: Description = { messages: {}, enums: {}, services: {} };
  for (const [fullName, definition] of Object.entries(definitions)) {
    if (fullName.startsWith('google.protobuf.')) continue; // the loader brings them
    const format: unknown = definition['format'];
    // The casts: `format` says which descriptor `type` is.
    if (format === `${FORMAT_PREFIX}DescriptorProto`)
      addMessage(all, fullName, definition['type'] as unknown as MessageDescriptor);
    else if (format === `${FORMAT_PREFIX}EnumDescriptorProto`)
      addEnum(all, fullName, definition['type'] as unknown as EnumDescriptor);
    else addService(all, fullName, definition);
  }
  return all;
}

function addMessage(all: Description, fullName: string, message: MessageDescriptor): void {
  const entries = message.nestedType.filter(nested => nested.options?.mapEntry);
  const fields = message.field.map(field => {
    const entry = entries.find(nested => nested.name === field.typeName);
    return entry ? describeMap(field, entry) : describeField(field);
  });
  all.messages[fullName] = Object.fromEntries(fields.map(field => [field.name, field]));
  for (const nested of message.enumType) addEnum(all, `${fullName}.${nested.name}`, nested);
}

function describeField(field: FieldDescriptor): FieldDescription {
  return {
    name: field.name,
    number: field.number,
    kind: field.type.replace('TYPE_', '').toLowerCase(),
    typeName: lastPart(field.typeName),
    repeated: field.label === 'LABEL_REPEATED',
    mapKey: '',
  };
}

function describeMap(field: FieldDescriptor, entry: MessageDescriptor): FieldDescription {
  const [key, value] = entry.field.map(describeField);
  if (!key || !value) throw new Error(`${field.name}: a map entry has a key and a value`);
  return { ...value, name: field.name, number: field.number, mapKey: key.kind };
}

function addEnum(all: Description, fullName: string, { value }: EnumDescriptor): void {
  all.enums[fullName] = Object.fromEntries(value.map(each => [each.name, each.number]));
}

function addService(all: Description, fullName: string, definition: PackageDefinition[string]): void {
  const methods = Object.entries(definition).map(([name, method]) => [
    name,
    {
      request: method.requestType.type.name,
      response: method.responseType.type.name,
      requestStreams: method.requestStream,
      responseStreams: method.responseStream,
    },
  ]);
  all.services[fullName] = Object.fromEntries(methods);
}

export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
