// `nodelet config fields` must not claim more than is true: what it calls honoured is read by somebody.

import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { describeFields } from '../../agent/config/describe.ts';

const AGENT = resolve(import.meta.dirname, '../../agent');

// Read inside config/ itself to arrive at another value.
const CONSUMED_BY_CONFIG = new Set([
  'mergeDefaultEvictionSettings',
  'serializeImagePulls',
  'logging.format',
  'logging.verbosity',
]);

// Where a field takes a step of its own on the way.
const BUILT_IN_STEPS: readonly (readonly [field: string, property: string])[] = [
  ['containerRuntimeEndpoint', 'endpoint'],
  ['evictionHard', 'evictionHard'],
  ['nodelet.log.level', 'level'],
  ['nodelet.log.format', 'format'],
];

t.test('every field called honoured is read outside config/', async t => {
  const properties = readProperties(await readFile(`${AGENT}/config/build-config.ts`, 'utf8'));
  const paths = globSync('**/*.ts', { cwd: AGENT, exclude: ['config/**', '**/*.test.ts'] });
  const sources = await Promise.all(paths.map(path => readFile(`${AGENT}/${path}`, 'utf8')));
  for (const { path, status } of describeFields()) {
    if (status !== 'honoured' || CONSUMED_BY_CONFIG.has(path)) continue;
    const property = properties.get(path) ?? '';
    const isRead = property !== '' && sources.some(source => new RegExp(`\\b${property}\\b`).test(source));
    t.ok(isRead, `${path} is read as ${property}`);
  }
});

/** Which property of Config carries a field: `maxPods: values.maxPods,`. */
function readProperties(buildConfig: string): ReadonlyMap<string, string> {
  const properties = new Map<string, string>();
  for (const [, property = '', value = ''] of buildConfig.matchAll(/^ {4}(\w+):(.*?),$/gms)) {
    for (const [, plain, quoted] of value.matchAll(/values(?:\.(\w+)|\['([^']+)'\])/g)) {
      properties.set(plain ?? quoted ?? '', property);
    }
  }
  return new Map([...properties, ...BUILT_IN_STEPS]);
}
