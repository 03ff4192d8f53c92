import t from 'tap';
import { chooseForm } from './zpages.ts';

const NAMED = 'application/json;v=v1beta1;g=config.k8s.io;as=Statusz';
const TEXT = { kind: 'text' };
const NONE = { kind: 'none' };

const ACCEPTS: readonly (readonly [accept: string | undefined, form: object])[] = [
  [undefined, TEXT],
  ['', TEXT],
  ['*/*', TEXT],
  ['text/plain', TEXT],
  ['text/html, */*;q=0.8', TEXT],
  [NAMED, { kind: 'object', apiVersion: 'config.k8s.io/v1beta1' }],
  [`${NAMED},text/plain`, { kind: 'object', apiVersion: 'config.k8s.io/v1beta1' }],
  [NAMED.replace('v1beta1', 'v1alpha1'), { kind: 'object', apiVersion: 'config.k8s.io/v1alpha1' }],
  [NAMED.replace('v1beta1', 'v9'), NONE],
  [NAMED.replace('Statusz', 'Flagz'), NONE],
  ['application/json', NONE],
  ['application/json, text/plain', TEXT],
  ['image/png', NONE],
];

void t.test('chooseForm() gives text to people, and an object to who names its kind', async t => {
  for (const [accept, form] of ACCEPTS)
    t.strictSame(chooseForm(accept, 'Statusz'), form, accept ?? 'no header');
});
