// Changes applied one after the other leave the same rules as writing everything from the final state.
import t from 'tap';
import { buildRestoreInput } from './build-restore-input.ts';
import { FamilyRules } from './family-rules.ts';
import { planBites } from './plan-bites.ts';
import { planRuleset } from './plan-ruleset.ts';
import type { RuleContext } from './ruleset.ts';
import type { Endpoint, PortState, Protocol, ServicePort } from './service-port.ts';

const CONTEXT: RuleContext = {
  family: 4,
  nodeName: 'node-1',
  zone: 'zone-a',
  nodeIP: '192.0.2.1',
  masqueradeMark: 0x4000,
  masqueradeAll: false,
  localSource: { is: '-s 10.244.0.0/24', isNot: '! -s 10.244.0.0/24' },
  nodePortAddresses: 'all',
  localhostNodePorts: true,
  hasEndpointComments: true,
  dropsInvalid: true,
};

/** What iptables-restore --noflush does with its input, as far as our input uses it. Refuses what the kernel would. */
class Tables {
  readonly chains = new Map<string, string[]>();

  apply(input: string): void {
    let table = '';
    for (const line of input.split('\n')) {
      const [verb = '', name = ''] = line.split(' ');
      if (verb.startsWith('*')) table = verb.slice(1);
      else if (verb.startsWith(':')) this.chains.set(`${table} ${verb.slice(1)}`, []);
      else if (verb === '-A') this.#append(table, name, line.slice(`-A ${name} `.length));
      else if (verb === '-X') this.#remove(table, name);
    }
  }

  #append(table: string, name: string, rule: string): void {
    const rules = this.chains.get(`${table} ${name}`);
    const target = /-j (KUBE-\S+)/.exec(rule)?.[1];
    if (!rules || (target && !this.chains.has(`${table} ${target}`)))
      throw new Error(`no chain for ${name} ${rule}`);
    rules.push(rule);
  }

  #remove(table: string, name: string): void {
    const isUsed = [...this.chains].some(
      ([id, rules]) => id.startsWith(`${table} `) && rules.some(rule => rule.endsWith(`-j ${name}`)),
    );
    if (isUsed || this.chains.get(`${table} ${name}`)?.length !== 0) throw new Error(`${name} is in use`);
    this.chains.delete(`${table} ${name}`);
  }
}

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomEndpoint(pick: (below: number) => number): Endpoint {
  const isReady = pick(3) > 0;
  return {
    address: `10.244.${pick(2)}.${pick(6) + 1}`,
    port: 8080,
    isReady,
    isServing: isReady || pick(2) === 0,
    isTerminating: !isReady && pick(2) === 0,
    nodeName: pick(2) === 0 ? 'node-1' : 'node-2',
    zoneHints: pick(3) === 0 ? ['zone-a'] : undefined,
    nodeHints: undefined,
  };
}

function randomService(
  service: string,
  serial: number,
  pick: (below: number) => number,
): readonly PortState[] {
  const protocols: readonly Protocol[] = ['tcp', 'udp'];
  return protocols.slice(0, 1 + pick(2)).map(protocol => {
    const port: ServicePort = {
      namespace: 'default',
      service,
      portName: protocol,
      protocol,
      clusterIP: `10.96.${serial >> 8}.${serial & 255}`,
      port: 80,
      nodePort: pick(3) === 0 ? 30_000 + serial : 0,
      externalIPs: pick(8) === 0 ? [`198.51.100.${serial & 255}`] : [],
      loadBalancerVIPs: pick(8) === 0 ? [`203.0.113.${serial & 255}`] : [],
      loadBalancerSourceRanges: pick(2) === 0 ? ['192.0.2.0/24'] : [],
      affinitySeconds: pick(4) === 0 ? 600 : undefined,
      isInternalPolicyLocal: pick(6) === 0,
      isExternalPolicyLocal: pick(4) === 0,
      healthCheckNodePort: 0,
    };
    const endpoints = new Map(
      Array.from({ length: pick(4) }, () => randomEndpoint(pick)).map(endpoint => [
        endpoint.address,
        endpoint,
      ]),
    );
    return { port, endpoints: [...endpoints.values()] };
  });
}

t.test('increments and the whole give the same rules, over random histories', async t => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const pick = random(seed);
    // Some histories stay small, some cross the size from which KUBE-SERVICES is split, in both directions.
    const serviceCount = seed % 3 === 0 ? 280 : 12;
    const desired = new Map<string, readonly PortState[]>();
    const rules = new FamilyRules(CONTEXT);
    const tables = new Tables();
    tables.apply(buildRestoreInput(rules.start()));
    for (let step = 0; step < 24; step += 1) {
      const change = new Map();
      const isWave = step % 10 === 0;
      const isEbb = step % 20 === 10;
      for (let count = 0; count < (isWave ? serviceCount : 3); count += 1) {
        const serial = isWave ? count : pick(serviceCount);
        const service = `svc-${serial}`;
        const next = isEbb || pick(5) === 0 ? [] : randomService(service, serial, pick);
        if (next.length > 0) desired.set(service, next);
        else desired.delete(service);
        for (const [id, chain] of rules.replace(service, next)) change.set(id, chain);
      }
      for (const [id, chain] of rules.finish()) change.set(id, chain);
      for (const bite of planBites(change, seed % 2 === 0 ? 40 : Number.POSITIVE_INFINITY))
        tables.apply(buildRestoreInput(bite));
      const whole = planRuleset([...desired.values()].flat(), CONTEXT);
      const differing = [...new Set([...whole.keys(), ...tables.chains.keys()])].filter(
        id => JSON.stringify(tables.chains.get(id)) !== JSON.stringify(whole.get(id as never)),
      );
      if (differing.length > 0) t.same(differing, [], `seed ${seed}, step ${step}`);
    }
    t.pass(`seed ${seed}`);
  }
});

t.test('the same state once more changes nothing', async t => {
  const rules = new FamilyRules(CONTEXT);
  const states = randomService('svc', 1, random(7));
  t.ok(rules.replace('svc', states).size + rules.finish().size > 0);
  t.equal(rules.replace('svc', states).size + rules.finish().size, 0);
});
