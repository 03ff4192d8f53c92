import t from 'tap';
import type { Config } from './config.ts';
import { formatSettings } from './describe.ts';
import { FIELD_NAMES, fieldOf } from './fields.ts';
import type { FlagValue } from './flags.ts';
import { checkRunnable, type LoadedConfig, parseConfig } from './load-config.ts';
import { formatOrigin, formatProblem } from './origin.ts';

const HOST = { workingDir: '/work', hostname: 'Node-1' };

interface Given {
  readonly file?: string;
  readonly dropIns?: readonly string[];
  readonly flags?: Readonly<Record<string, string | readonly string[]>>;
}

function load({ file, dropIns = [], flags = {} }: Given): LoadedConfig {
  const flagValues = Object.entries(flags).map(
    ([name, value]): FlagValue => ({ name, values: typeof value === 'string' ? [value] : value }),
  );
  const files = [
    ...(file === undefined ? [] : [{ path: '/etc/nodelet/config.yaml', text: file }]),
    ...dropIns.map((text, index) => ({ path: `/etc/nodelet/conf.d/${index}.conf`, text })),
  ];
  return parseConfig({ ...HOST, files, flags: flagValues });
}

function configOf(given: Given): Config {
  const loaded = load(given);
  if (loaded.kind === 'invalid') throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}

function problemsOf(given: Given): readonly string[] {
  const loaded = load(given);
  return loaded.kind === 'invalid' ? loaded.problems.map(formatProblem) : [];
}

t.test('parseConfig() has a default for everything', async t => {
  const { node, runtime, pods, eviction, network, log } = configOf({});
  t.equal(node.name, 'node-1');
  t.equal(node.maxPods, 110);
  t.equal(node.leaseDurationSeconds, 40);
  t.equal(node.statusReportFrequencyMs, 300_000);
  t.equal(runtime.endpoint, 'unix:///run/containerd/containerd.sock');
  t.equal(runtime.imageEndpoint, runtime.endpoint);
  t.equal(runtime.failCgroupV1, false);
  t.equal(pods.podLogsDir, '/var/log/pods');
  t.same(eviction.hard['memory.available'], { kind: 'amount', amount: 104_857_600 });
  t.same(eviction.hard['imagefs.available'], { kind: 'percent', percent: 15 });
  t.equal(network.manageCNI, 'auto');
  t.equal(log.level, 'info');
});

t.test('parseConfig() freezes all of it', async t => {
  const config = configOf({ file: 'evictionHard: { memory.available: 5% }' });
  t.ok(Object.isFrozen(config));
  t.ok(Object.isFrozen(config.node.evictionHard));
  t.ok(Object.isFrozen(config.eviction.hard['memory.available']));
});

const PROBLEMS: readonly (readonly [file: string, expected: string])[] = [
  ['maxPod: 3', 'maxPods?'],
  ['clusterDns: [10.0.0.1]', 'did you mean clusterDNS?'],
  ['max-pods: 3', 'did you mean maxPods?'],
  ['clientCAFile: /ca', 'did you mean authentication.x509.clientCAFile?'],
  ['authentication: { x509: { clientCAFil: /ca } }', 'did you mean authentication.x509.clientCAFile?'],
  ['nodelet: { network: { mangeCNI: true } }', 'did you mean nodelet.network.manageCNI?'],
  ['evictionHard: { memory.avialable: 1Gi }', 'did you mean memory.available?'],
  ['entirelyDifferent: 1', 'entirelyDifferent: unknown key ('],
  ['maxPods: many', 'maxPods: expected a whole number, got "many"'],
  ['maxPods: 1.5', 'maxPods: expected a whole number, got 1.5'],
  ['maxPods: -1', 'maxPods: must be 0 or greater, got -1'],
  ['port: 70000', 'port: must be between 1 and 65535, got 70000'],
  ['registerNode: yes', 'registerNode: expected true or false, got "yes"'],
  ['runtimeRequestTimeout: 15', 'runtimeRequestTimeout: expected a duration like 10s or 1m30s, got 15'],
  ['syncFrequency: -1s', 'syncFrequency: must be 0s or longer'],
  ['cgroupDriver: croupfs', 'cgroupDriver: expected one of cgroupfs, systemd, got "croupfs"'],
  ['clusterDNS: 10.0.0.1', 'clusterDNS: expected a list'],
  ['clusterDNS: [nonsense]', 'clusterDNS[0]: expected an IP address, got "nonsense"'],
  ['containerRuntimeEndpoint: tcp://1.2.3.4', 'containerRuntimeEndpoint: expected a unix socket'],
  ['evictionHard: { nodefs.available: 200% }', 'evictionHard.nodefs.available: must be between 0% and 100%'],
  ['evictionHard: { memory.available: 1GB }', 'evictionHard.memory.available: expected a quantity'],
  ['evictionSoft: { memory.available: 1Gi }', 'evictionSoft.memory.available: needs evictionSoftGracePeriod'],
  ['systemReserved: { gpu: 1 }', 'systemReserved.gpu: cannot be reserved'],
  ['podLogsDir: logs', 'podLogsDir: expected an absolute path'],
  ['podLogsDir: /var/../logs', 'podLogsDir: expected an absolute path'],
  ['podCIDR: 10.22.0.0', 'podCIDR: expected a CIDR, got "10.22.0.0"'],
  ['podLogsDir: /var/log/pöds', 'podLogsDir: expected ASCII characters only'],
  ['userNamespaces: { idsPerPod: 65535 }', 'userNamespaces.idsPerPod: must be between 65536 and 4294967295'],
  [
    'userNamespaces: { idsPerPod: 65537 }',
    'userNamespaces.idsPerPod: must be a multiple of 65536, got 65537',
  ],
  ['userNamespaces: { idsPerPod: 4294967296 }', 'userNamespaces.idsPerPod: must be between'],
  ['memoryReservationPolicy: TieredReservation', 'TieredReservation is not supported'],
  ['memoryThrottlingFactor: 0', 'memoryThrottlingFactor: must be between'],
  [
    'imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\npreloadedImagesVerificationAllowlist: [a.b/c/*, "d:5/e", "a/b:v1"]',
    'preloadedImagesVerificationAllowlist[2]: expected a repository without tag',
  ],
  [
    'crashLoopBackOff: { maxContainerRestartPeriod: 10m }',
    'maxContainerRestartPeriod: must be 5m0s or shorter',
  ],
  ['registerWithTaints: [{ key: a, effect: Never }]', 'registerWithTaints[0].effect: expected one of'],
  [
    'imageGCLowThresholdPercent: 90',
    'imageGCLowThresholdPercent: must be less than imageGCHighThresholdPercent (85)',
  ],
  ['serializeImagePulls: true\nmaxParallelImagePulls: 3', 'maxParallelImagePulls: must be 1 while'],
  ['enforceNodeAllocatable: [pods, system-reserved]', 'system-reserved needs systemReservedCgroup'],
  ['enforceNodeAllocatable: [none, pods]', 'none stands alone'],
  ['cgroupsPerQOS: false', 'enforceNodeAllocatable: needs cgroupsPerQOS: true, or [none]'],
  ['shutdownGracePeriod: 500ms', 'shutdownGracePeriod: must be 0s, or 1s or longer'],
  ['shutdownGracePeriodCriticalPods: 5s', 'must not be longer than shutdownGracePeriod'],
  ['runOnce: true', 'runOnce: run-once mode does not exist any more (/etc/nodelet/config.yaml:1)'],
  ['featureGates: { A: maybe }', 'featureGates.A: expected true or false, got "maybe"'],
  ['nodelet: { hostnameOverride: no_good }', 'nodelet.hostnameOverride: no valid node name: "no_good"'],
  ['nodelet: { nodeIP: "10.0.0.1,10.0.0.2" }', 'nodelet.nodeIP: expected at most one address per family'],
  ['nodelet: { nodeLabels: { kubernetes.io/role: x } }', 'a node may not set this label on itself'],
  ['nodelet: 1', 'nodelet: expected a section with settings'],
  ['kind: Pod', 'kind: expected KubeletConfiguration, got "Pod"'],
  ['apiVersion: v1', 'apiVersion: expected kubelet.config.k8s.io/v1beta1, got "v1"'],
  ['- a', 'expected settings with their values'],
  ['maxPods: 1\nmaxPods: 2', 'Map keys must be unique (/etc/nodelet/config.yaml:2)'],
  ['maxPods: [', '(/etc/nodelet/config.yaml:1)'],
];

t.test('parseConfig() names what is wrong, where, and what was meant', async t => {
  for (const [file, expected] of PROBLEMS) {
    const problems = problemsOf({ file });
    t.equal(
      problems.filter(problem => problem.includes(expected)).length,
      1,
      `${file}: ${problems.join(' | ')}`,
    );
  }
});

t.test('parseConfig() reports all problems at once, each with its line', async t => {
  const file = 'maxPod: 3\nport: 0x\nevictionHard:\n  memory.available: lots\n';
  t.same(problemsOf({ file, dropIns: ['syncFrequency: soon'], flags: { 'node-ip': 'here' } }), [
    'maxPod: unknown key, did you mean maxPods? (/etc/nodelet/config.yaml:1)',
    'port: expected a whole number, got "0x" (/etc/nodelet/config.yaml:2)',
    'evictionHard.memory.available: expected a quantity like 100Mi or a share like 10%, got "lots" (/etc/nodelet/config.yaml:4)',
    'syncFrequency: expected a duration like 10s or 1m30s, got "soon" (/etc/nodelet/conf.d/0.conf:1)',
    'nodelet.nodeIP: expected an IP address, got "here" (--node-ip)',
  ]);
});

t.test('parseConfig() lays drop-ins over the file and flags over both, and knows the origins', async t => {
  const loaded = load({
    file: 'maxPods: 10\npodsPerCore: 4\nclusterDNS: [10.0.0.1, 10.0.0.2]\nsystemReserved:\n  cpu: 100m\n  memory: 1Gi\n',
    dropIns: [
      'maxPods: 20\nsyncFrequency: 30s\nsystemReserved: { memory: 2Gi }\n',
      'clusterDNS: [10.0.0.3]\nsystemReserved: { cpu: null }\nsyncFrequency: null\n',
    ],
    flags: { 'max-pods': '30' },
  });
  if (loaded.kind === 'invalid') throw new Error(loaded.problems.map(formatProblem).join('\n'));
  const { node, pods } = loaded.config;
  t.equal(node.maxPods, 30);
  t.equal(node.podsPerCore, 4);
  t.same(pods.clusterDNS, ['10.0.0.3'], 'lists are replaced');
  t.equal(node.systemReserved.memoryBytes, 2 * 2 ** 30, 'maps are merged');
  t.equal(node.systemReserved.cpuMilli, 0, 'null takes a key back');
  t.equal(pods.syncFrequencyMs, 60_000, 'null takes a setting back');
  const originOf = (name: 'maxPods' | 'podsPerCore' | 'clusterDNS' | 'syncFrequency'): string => {
    const setting = loaded.settings.get(name);
    return setting ? formatOrigin(setting.origin) : 'none';
  };
  t.equal(originOf('maxPods'), '--max-pods');
  t.equal(originOf('podsPerCore'), '/etc/nodelet/config.yaml:2');
  t.equal(originOf('clusterDNS'), '/etc/nodelet/conf.d/1.conf:1');
  t.equal(originOf('syncFrequency'), 'default');
});

t.test('parseConfig() reads flags as the kubelet does', async t => {
  const { node, pods, runtime, eviction, log, featureGates } = configOf({
    file: 'evictionHard: { nodefs.available: 1% }\nfeatureGates: { A: true, B: true }\nnodelet: { nodeLabels: { a: "1" } }',
    flags: {
      'register-with-taints': 'gpu=yes:NoSchedule,plain:NoExecute',
      'node-labels': ['b=2,c=', 'd=4'],
      'cluster-dns': ['10.0.0.1,fd00::a'],
      'eviction-hard': 'memory.available<500Mi,imagefs.available<10%',
      'system-reserved': 'cpu=250m,memory=512Mi',
      'feature-gates': 'B=false',
      'fail-swap-on': 'false',
      'container-runtime-endpoint': '/run/crio.sock',
      'resolv-conf': 'resolv.conf',
      'hostname-override': 'Worker.Example',
      v: '5',
    },
  });
  t.same(node.taints, [
    { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
    { key: 'plain', effect: 'NoExecute' },
  ]);
  t.same(node.labels, { a: '1', b: '2', c: '', d: '4' }, 'labels add up');
  t.same(pods.clusterDNS, ['10.0.0.1', 'fd00::a']);
  t.same(Object.keys(eviction.hard), ['memory.available', 'imagefs.available'], 'thresholds replace');
  t.same(node.systemReserved, {
    cpuMilli: 250,
    memoryBytes: 512 * 2 ** 20,
    ephemeralStorageBytes: 0,
    pids: 0,
  });
  t.same(featureGates, { A: true, B: false }, 'gates add up');
  t.equal(runtime.failSwapOn, false);
  t.equal(runtime.endpoint, 'unix:///run/crio.sock');
  t.equal(pods.resolvConf, '/work/resolv.conf');
  t.equal(node.name, 'worker.example');
  t.equal(log.level, 'debug');
});

t.test('parseConfig() says which flags it ignores and which settings do nothing yet', async t => {
  const loaded = load({
    file: 'cpuManagerPolicy: static\nport: 10250\nhealthzPort: 10248\n',
    flags: { 'pod-infra-container-image': 'registry.k8s.io/pause:3.10' },
  });
  t.same(loaded.kind === 'loaded' ? loaded.notices : loaded.problems, [
    '--pod-infra-container-image is ignored: the runtime chooses its sandbox image',
    'cpuManagerPolicy has no effect yet: always none: CPUs are not pinned (/etc/nodelet/config.yaml:1)',
  ]);
  t.same(problemsOf({ flags: { 'no-such-flag': '1' } }), ['--no-such-flag: unknown flag']);
});

t.test('parseConfig() follows the kubelet where a default depends on another setting', async t => {
  t.equal(configOf({ file: 'nodeStatusUpdateFrequency: 20s' }).node.statusReportFrequencyMs, 20_000);
  t.equal(
    configOf({ file: 'containerRuntimeEndpoint: unix:///run/x.sock' }).runtime.imageEndpoint,
    'unix:///run/x.sock',
  );
  t.equal(configOf({ flags: { 'root-dir': '/srv/pods' } }).api.certDir, '/srv/pods/pki');
  t.same(Object.keys(configOf({ file: 'evictionHard: { pid.available: 5% }' }).eviction.hard), [
    'pid.available',
  ]);
  const merged = configOf({
    file: 'mergeDefaultEvictionSettings: true\nevictionHard: { memory.available: 1Gi }',
  });
  t.same(merged.eviction.hard['memory.available'], { kind: 'amount', amount: 2 ** 30 });
  t.same(merged.eviction.hard['nodefs.available'], { kind: 'percent', percent: 10 });
  t.equal(configOf({ file: 'serializeImagePulls: true' }).images.maxParallelPulls, 1);
  t.equal(configOf({ file: 'maxParallelImagePulls: 4' }).images.maxParallelPulls, 4);
  t.equal(
    configOf({ file: 'authentication: { x509: { clientCAFile: pki/ca.crt } }' }).server.clientCAFile,
    '/etc/nodelet/pki/ca.crt',
  );
});

t.test('checkRunnable() wants a way to the API server', async t => {
  t.match(checkRunnable(configOf({})), [{ path: 'nodelet.kubeconfig', message: /--kubeconfig/ }]);
  t.same(checkRunnable(configOf({ flags: { kubeconfig: '/k' } })), []);
  const bootstrap = { file: 'staticPodPath: /m', flags: { 'bootstrap-kubeconfig': '/b' } };
  t.match(checkRunnable(configOf(bootstrap)), [{ path: 'nodelet.kubeconfig' }]);
});

t.test('checkRunnable() lets static pods do without, once nobody is to be asked for permission', async t => {
  const paths = (file: string) => checkRunnable(configOf({ file })).map(({ path }) => path);
  const guards = ['authentication.webhook.enabled', 'authorization.mode'];
  t.same(paths('staticPodPath: /m'), guards);
  t.same(paths('staticPodPath: /m\nserverTLSBootstrap: true\nenableServer: false'), ['serverTLSBootstrap']);
  t.same(paths('staticPodPath: /m\nenableServer: false'), []);
  const open = 'authentication: { webhook: { enabled: false } }\nauthorization: { mode: AlwaysAllow }';
  t.same(paths(`staticPodURL: http://h/pods\n${open}`), []);
});

t.test('formatSettings() writes a file that gives the same configuration again', async t => {
  const given: Given = {
    file: 'maxPods: 7\nevictionHard: { memory.available: 300Mi, nodefs.available: 3% }\ncpuCFSQuotaPeriod: 50ms',
    flags: { 'node-labels': 'a=b', 'register-with-taints': 'k=v:NoExecute', 'kube-reserved': 'cpu=0.5' },
  };
  const loaded = load(given);
  if (loaded.kind === 'invalid') throw new Error('invalid');
  for (const hasOrigins of [false, true]) {
    const file = formatSettings(loaded.settings, { hasOrigins });
    t.same(configOf({ file }), loaded.config);
  }
  t.match(
    formatSettings(loaded.settings, { hasOrigins: true }),
    /^maxPods: 7 # \/etc\/nodelet\/config\.yaml:1$/m,
  );
});

t.test('every field accepts its own default', async t => {
  for (const name of FIELD_NAMES) {
    const field = fieldOf(name);
    if (field.fallback === undefined || name === 'nodelet.log.level') continue;
    t.equal(
      field.parse(field.show(field.fallback), '/').ok || field.isUnset(field.show(field.fallback)),
      true,
      name,
    );
  }
});

t.test('what /configz shows holds no header of the URL for static pods', async t => {
  const file = 'staticPodURL: https://a.example/pods\nstaticPodURLHeader: {Authorization: [Bearer secret]}\n';
  const { document, pods } = configOf({ file });
  t.same(document['staticPodURLHeader'], { Authorization: ['<masked>'] });
  t.same(pods.staticPodURLHeader, { Authorization: ['Bearer secret'] });
});
