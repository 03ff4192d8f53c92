import { type Check, fail, ok, type Remark, warn } from './finding.ts';
import { listProcesses, type RunningProcess, readText } from './look.ts';

interface Rival {
  readonly name: string;
  readonly say: (process: RunningProcess) => Remark;
}

const RIVALS: readonly Rival[] = [
  {
    name: 'kubelet',
    say: ({ pid }) =>
      fail(
        `a kubelet runs (pid ${pid}): two agents fight about every pod`,
        'systemctl disable --now kubelet',
      ),
  },
  {
    name: 'k3s',
    say: ({ pid }) =>
      fail(`k3s runs (pid ${pid}) and brings a kubelet of its own`, 'systemctl disable --now k3s-agent k3s'),
  },
  {
    name: 'firewalld',
    say: ({ pid }) =>
      warn(`firewalld runs (pid ${pid}) and may drop what pods send`, 'systemctl disable --now firewalld'),
  },
];

export const rivals: Check = {
  name: 'rivals',
  run: ({ config }) => {
    const processes = listProcesses();
    const remarks = RIVALS.flatMap(({ name, say }) => {
      const found = processes.find(candidate => candidate.name === name);
      return found === undefined ? [] : [say(found)];
    });
    remarks.push(...judgeProxies(processes, config.proxy.proxyEnabled));
    return remarks.length > 0 ? remarks : [ok('none')];
  },
};

// What makes Services reachable in a cluster without kube-proxy.
const OTHER_PROXIES = new Set(['cilium-agent', 'calico-node', 'kube-router']);

/** Services want one hand: not two, and not none. */
function judgeProxies(processes: readonly RunningProcess[], isProxy: boolean): readonly Remark[] {
  const kubeProxy = processes.find(({ name }) => name === 'kube-proxy');
  if (isProxy && kubeProxy !== undefined) {
    return [
      warn(
        `kube-proxy runs (pid ${kubeProxy.pid}): it writes the same chains`,
        'set nodelet.proxy.enabled: false; or, once every node has nodelet, kubectl -n kube-system delete daemonset kube-proxy',
      ),
    ];
  }
  if (isProxy || kubeProxy !== undefined || processes.some(({ name }) => OTHER_PROXIES.has(name))) return [];
  return [
    warn(
      'nodelet.proxy.enabled is false and no kube-proxy runs: Services are not reachable from here',
      'set nodelet.proxy.enabled: true, then systemctl restart nodelet',
    ),
  ];
}

const LISTENING = '0A'; // TCP_LISTEN in proc(5) net/tcp

export const ports: Check = {
  name: 'ports',
  run: ({ config: { server, proxy } }) => {
    const { healthzBindAddress, metricsBindAddress } = proxy.proxyEnabled ? proxy : {};
    const wanted = [
      ...(server.enabled ? [{ port: server.port, field: 'port' }] : []),
      ...(server.healthzPort > 0 ? [{ port: server.healthzPort, field: 'healthzPort' }] : []),
      ...portOf(healthzBindAddress, 'nodelet.proxy.healthzBindAddress'),
      ...portOf(metricsBindAddress, 'nodelet.proxy.metricsBindAddress'),
    ];
    const listening = readListeningPorts();
    const taken = wanted.filter(({ port }) => listening.has(port));
    // Running already, it is we who listen there.
    const isOurs = listProcesses().some(({ command }) =>
      /\bnode\b.*\b(main|nodelet)\.(ts|js)\b.* run\b/.test(command),
    );
    if (taken.length === 0 || isOurs) return [ok(wanted.map(({ port }) => port).join(', '))];
    return taken.map(({ port, field }) =>
      fail(
        `port ${port} is taken by another program`,
        `ss -ltnp 'sport = :${port}'; stop it, or set ${field}`,
      ),
    );
  },
};

function portOf(bind: { readonly port: number } | undefined, field: string) {
  return bind ? [{ port: bind.port, field }] : [];
}

function readListeningPorts(): ReadonlySet<number> {
  const lines = ['tcp', 'tcp6'].flatMap(name =>
    (readText(`/proc/self/net/${name}`) ?? '').split('\n').slice(1),
  );
  return new Set(
    lines.flatMap(line => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      return state === LISTENING ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : [];
    }),
  );
}
