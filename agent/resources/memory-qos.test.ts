import t from 'tap';
import type { Container } from '../api/objects.ts';
import { buildMemoryQoS } from './memory-qos.ts';

const MI = 2 ** 20;

function container(request?: string, limit?: string): Container {
  const requests = request === undefined ? {} : { memory: request };
  const limits = limit === undefined ? {} : { memory: limit };
  return { name: 'c', image: 'i', resources: { requests, limits } };
}

t.test('buildMemoryQoS() slows a container down before its limit', async t => {
  const highOf = (one: Container, factor = 0.9) =>
    buildMemoryQoS(one, { factor, allocatableBytes: 900 * MI })['memory.high'];
  t.equal(highOf(container('100Mi', '200Mi')), String(190 * MI));
  t.equal(highOf(container('100Mi')), String(820 * MI), 'without a limit: what all pods may have');
  t.equal(highOf(container('100Mi', '100Mi')), undefined, 'it asks for all it may use');
  t.equal(highOf(container()), undefined, 'it asks for nothing');
  t.equal(highOf(container('100Mi', '102401Ki')), undefined, 'rounded to pages it is the request');
  t.equal(highOf(container('0', '4095'), 0.1), undefined, 'never nothing at all');
  t.same(buildMemoryQoS(container(), { factor: 0.9, allocatableBytes: MI }), {
    'memory.min': '0',
    'memory.low': '0',
  });
});
