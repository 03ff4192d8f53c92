import t from 'tap';
import type { Pod } from '../api/objects.ts';
import { planPreemption } from './plan-preemption.ts';

type Amounts = Readonly<Record<string, string>>;

function makePod(name: string, requests: Amounts, limits: Amounts = {}, priority = 0): Pod {
  const container = { name: 'c', image: 'i', resources: { requests, limits } };
  return { metadata: { name, uid: name }, spec: { containers: [container], priority } };
}

const small = makePod('small', { cpu: '100m', memory: '1Mi' });
const large = makePod('large', { cpu: '1', memory: '1Mi' });
const guaranteed = makePod('guaranteed', { cpu: '1', memory: '1Mi' }, { cpu: '1', memory: '1Mi' });
const alsoCritical = makePod('critical', { cpu: '1' }, {}, 2_000_000_000);
const nothing = makePod('nothing', {});
const critical = makePod('wanted', { cpu: '1' }, {}, 2_000_000_000);

function victims(others: readonly Pod[], resource: string, amount: number): readonly string[] | undefined {
  return planPreemption(critical, others, [{ resource, amount }])?.map(({ metadata }) => metadata.name);
}

t.test('planPreemption()', async t => {
  t.same(victims([small, large], 'cpu', 50), ['small'], 'takes the smaller of two that would do');
  t.same(victims([small, large], 'cpu', 500), ['large'], 'takes one that suffices rather than many');
  t.same(victims([small, large], 'cpu', 1100), ['large', 'small'], 'takes as many as it must');
  t.same(victims([guaranteed, large], 'cpu', 900), ['large'], 'spares a guaranteed pod if it can');
  t.same(
    victims([guaranteed, small], 'cpu', 900),
    ['guaranteed'],
    'spares a burstable pod that does not help',
  );
  t.same(victims([large, nothing], 'pods', 1), ['nothing'], 'takes a best-effort pod for a place');
  t.same(victims([alsoCritical], 'cpu', 100), undefined, 'takes no critical pod');
  t.same(victims([small], 'cpu', 500), undefined, 'takes nobody in vain');
});
