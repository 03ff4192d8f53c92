import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { buildTypes } from './generate-types.ts';

t.test('runtime.v1.ts is what generate-types.ts makes of runtime.v1.proto', async t => {
  const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');
  t.ok(
    withoutLayout(buildTypes(await read('runtime.v1.proto'))) === withoutLayout(await read('runtime.v1.ts')),
    'run `node cri-proto/generate-types.ts` and format',
  );
});

// The formatter breaks lines, and adds a bar or a semicolon where it does.
function withoutLayout(text: string): string {
  return text.replace(/\s+/g, '').replaceAll('=|', '=').replaceAll(';}', '}');
}
