// Proves our descriptions against the Go modules that Kubernetes and containerd publish. Needs go.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { type Description, describeOwn, type FieldDescription, lastPart } from './own-descriptors.ts';

const { stdout } = await promisify(execFile)('go', ['run', '.'], {
  cwd: join(import.meta.dirname, 'descriptors'),
  maxBuffer: 16 * 1024 * 1024,
});
const published: Description = JSON.parse(stdout);

// containerd 2.0 moved the message to another package; the wire does not know.
const MOVED: Readonly<Record<string, string>> = {
  'containerd.services.events.v1.Envelope': 'containerd.types.Envelope',
};

const FILES = [
  'runtime.v1.proto',
  'containerd-events.proto',
  'containerd-task-events.proto',
  'containerd-image-events.proto',
];

for (const file of FILES) {
  t.test(`${file} names nothing that the published description does not have just so`, async t => {
    const own = describeOwn(file);
    let compared = 0;
    for (const [name, fields] of Object.entries(own.messages)) {
      for (const [fieldName, field] of Object.entries(fields)) {
        const theirs = published.messages[MOVED[name] ?? name]?.[fieldName];
        t.strictSame(field, theirs && withShortType(theirs), `${name}.${fieldName}`);
        compared += 1;
      }
      t.ok(published.messages[MOVED[name] ?? name], `${name} is a published message`);
    }
    for (const [name, values] of Object.entries(own.enums)) {
      t.strictSame(values, published.enums[name], name);
    }
    for (const [name, methods] of Object.entries(own.services)) {
      for (const [methodName, method] of Object.entries(methods)) {
        const theirs = published.services[name]?.[methodName];
        const expected = theirs && {
          ...theirs,
          request: lastPart(theirs.request),
          response: lastPart(theirs.response),
        };
        t.strictSame(method, expected, `${name}.${methodName}`);
      }
    }
    t.ok(compared > 0, `${compared} fields compared`);
  });
}

t.test('runtime.v1.proto leaves out Windows and the streamed lists, and nothing else', async t => {
  const own = describeOwn('runtime.v1.proto');
  const isLeftOut = (name: string): boolean => /^(?:Windows|Stream)/.test(lastPart(name));
  for (const [name, fields] of Object.entries(published.messages)) {
    if (!name.startsWith('runtime.v1.') || isLeftOut(name)) continue;
    const expected = Object.values(fields).filter(field => !isLeftOut(field.typeName));
    t.strictSame(
      Object.keys(own.messages[name] ?? {}).toSorted(),
      expected.map(field => field.name).toSorted(),
      name,
    );
  }
  for (const name of Object.keys(published.enums).filter(each => each.startsWith('runtime.v1.'))) {
    t.ok(own.enums[name], name);
  }
  for (const service of ['runtime.v1.RuntimeService', 'runtime.v1.ImageService']) {
    const expected = Object.keys(published.services[service] ?? {}).filter(name => !isLeftOut(name));
    t.strictSame(Object.keys(own.services[service] ?? {}).toSorted(), expected.toSorted(), service);
  }
});

function withShortType(field: FieldDescription): FieldDescription {
  return { ...field, typeName: lastPart(field.typeName) };
}
