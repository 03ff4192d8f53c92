// Every kind of probe handler and hook against real containers, from where the agent stands.
import { join } from 'node:path';
import t from 'tap';
import type { Container, LifecycleHandler, Probe } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { uidOf, useCluster } from '../support/cluster.ts';
import type { HandlerCase, HandlerReport } from './handlers-on-node.ts';

const WEB_PORT = 8080;
const GRPC_PORT = 5000;
const CLOSED_PORT = 9;

const cluster = await useCluster(t);
const node = await cluster.node();
const web: Container = {
  name: 'main',
  image: IMAGES.agnhost,
  args: ['netexec', `--http-port=${WEB_PORT}`],
  ports: [{ name: 'web', containerPort: WEB_PORT }],
  env: [{ name: 'WORD', value: 'expanded' }],
};
const health: Container = {
  name: 'health',
  image: IMAGES.agnhost,
  args: ['grpc-health-checking', `--port=${GRPC_PORT}`, '--http-port=8081', '--service=known'],
};
await cluster.createPod('handlers', { containers: [web, health] });
const pod = await cluster.untilRunning('handlers');
const podIP = pod.status?.podIP ?? '';
const { id: containerId } = await node.container(uidOf(pod), 'main');
const target = { pod, container: web, containerId, podIP };

async function runCases(
  cases: Readonly<Record<string, Omit<HandlerCase, 'name' | keyof typeof target>>>,
): Promise<(name: string) => HandlerReport> {
  const list = Object.entries(cases).map(([name, each]) => ({ name, ...target, ...each }));
  const script = join(CHECKOUT, 'test', 'probe', 'handlers-on-node.ts');
  const output = await node.run(process.execPath, script, JSON.stringify(list));
  // Our own program's.
  const reports = JSON.parse(output) as Record<string, HandlerReport>;
  return name => {
    const report = reports[name];
    if (!report) throw new Error(`no report of ${name}`);
    return report;
  };
}

const sh = (script: string, more: Probe = {}) => ({
  probe: { exec: { command: ['sh', '-c', script] }, ...more },
});
const http = (path: string, port: number | string = WEB_PORT) => ({ probe: { httpGet: { port, path } } });
const grpc = (port: number, service?: string) => ({ probe: { grpc: { port, ...(service && { service }) } } });
const hook = (handler: LifecycleHandler, abortAfterMs?: number) => ({
  hook: handler,
  ...(abortAfterMs === undefined ? {} : { abortAfterMs }),
});

t.test('exec', async t => {
  const report = await runCases({
    passes: sh('exit 0'),
    fails: sh('echo out; echo err >&2; exit 3'),
    expands: { probe: { exec: { command: ['sh', '-c', 'echo $(WORD) $$(WORD) $(ABSENT); exit 1'] } } },
    absent: { probe: { exec: { command: ['/absent'] } } },
    floods: sh('head -c 1000000 /dev/zero | tr "\\0" y; exit 1'),
    hangs: sh('exec sleep 4711'),
    prints: sh('exec yes'),
    leaves: sh('sleep 4712 & sleep 4713'),
    deep: sh('(sleep 4715 | cat) & setsid sh -c "sleep 4716; true" & sleep 4717'),
  });
  t.same(report('passes').outcome, { kind: 'success' });
  t.same(report('fails').outcome, { kind: 'failure', message: 'out\nerr\n' });
  t.match(report('expands').outcome.message, 'expanded', 'literal values of env');
  t.match(report('absent').outcome, {
    kind: 'error',
    message: /^rpc error: code = Unknown desc = .*\/absent/,
  });
  t.equal(report('floods').outcome.message?.length, 10 * 1024);
  for (const [name, command] of [
    ['hangs', 'sh -c exec sleep 4711'],
    ['prints', 'sh -c exec yes'],
    ['leaves', 'sh -c sleep 4712 & sleep 4713'],
  ] as const) {
    const { outcome, tookMs } = report(name);
    const message = `command timed out: ${JSON.stringify(command)} timed out after 1s`;
    t.match(outcome, { kind: 'failure', message });
    t.ok(tookMs >= 1000 && tookMs < 2200, `${name}: ${tookMs} ms`);
  }
  t.comment(`yes: ${report('prints').rssGrowthBytes} bytes`);
  t.ok(report('prints').rssGrowthBytes < 4_000_000, 'what nobody reads is not kept');
  const left = (await node.processes()).filter(({ command }) => /sleep 471|^yes/.test(command));
  t.same(left, [], 'with all it started');
});

t.test('httpGet', async t => {
  const report = await runCases({
    passes: http('/healthz'),
    named: http('/healthz', 'web'),
    fails: http('/echo?code=503&msg=secret'),
    local: http('/redirect?location=/echo?msg=here'),
    localFails: http('/redirect?location=/echo?code=500'),
    elsewhere: http('/redirect?location=http://0.0.0.0/'),
    closed: http('/', CLOSED_PORT),
    unnamed: http('/', 'absent'),
    plain: { probe: { httpGet: { port: WEB_PORT, path: '/', scheme: 'HTTPS' } } },
  });
  t.same(report('passes').outcome, { kind: 'success' });
  t.same(report('named').outcome, { kind: 'success' });
  t.same(report('fails').outcome, { kind: 'failure', message: 'HTTP probe failed with statuscode: 503' });
  t.same(report('local').outcome, { kind: 'success' });
  t.match(report('localFails').outcome, { kind: 'failure', message: /statuscode: 500/ });
  t.match(report('elsewhere').outcome, {
    kind: 'warning',
    message: /^Probe terminated redirects, Response body: <a href="http:\/\/0\.0\.0\.0\/">Found<\/a>\./,
  });
  t.same(report('closed').outcome, {
    kind: 'failure',
    message: `Get "http://${podIP}:9/": dial tcp ${podIP}:9: connect: connection refused`,
  });
  t.match(report('unnamed').outcome, { kind: 'error', message: /parsing "absent"/ });
  t.match(report('plain').outcome, { message: /server gave HTTP response to HTTPS client$/ });
});

t.test('tcpSocket', async t => {
  const report = await runCases({
    passes: { probe: { tcpSocket: { port: WEB_PORT } } },
    closed: { probe: { tcpSocket: { port: CLOSED_PORT } } },
    // Of a documentation network: nobody answers.
    mute: { probe: { tcpSocket: { port: 80, host: '192.0.2.1' } } },
  });
  t.same(report('passes').outcome, { kind: 'success' });
  t.same(report('closed').outcome, {
    kind: 'failure',
    message: `dial tcp ${podIP}:9: connect: connection refused`,
  });
  t.match(report('mute').outcome, { kind: 'failure', message: /^dial tcp 192\.0\.2\.1:80: / });
  t.ok(report('mute').tookMs < 1500);
});

t.test('grpc', async t => {
  const report = await runCases({
    passes: grpc(GRPC_PORT, 'known'),
    unknown: grpc(GRPC_PORT, 'other'),
    closed: grpc(CLOSED_PORT),
  });
  t.same(report('passes').outcome, { kind: 'success' });
  t.match(report('unknown').outcome, {
    kind: 'failure',
    message: /^error: health rpc probe failed: rpc error: code = NotFound desc = /,
  });
  t.match(report('closed').outcome, {
    kind: 'failure',
    message: `timeout: failed to connect service "${podIP}:9" within 1s: context deadline exceeded`,
  });
  t.ok(report('closed').tookMs < 1500);
  await node.run('curl', '-s', '-o', '/dev/null', `http://${podIP}:8081/make-not-serving`);
  const after = await runCases({ sick: grpc(GRPC_PORT, 'known') });
  t.same(after('sick').outcome, {
    kind: 'failure',
    message: 'service unhealthy (responded with "NOT_SERVING")',
  });
});

t.test('hooks', async t => {
  const report = await runCases({
    exec: hook({ exec: { command: ['sh', '-c', 'echo hooked >/tmp/hook'] } }),
    execFails: hook({ exec: { command: ['sh', '-c', 'echo out; echo err >&2; exit 1'] } }),
    execAborted: hook({ exec: { command: ['sleep', '4714'] } }, 500),
    http: hook({ httpGet: { port: WEB_PORT, path: '/echo?code=500' } }),
    httpFails: hook({ httpGet: { port: CLOSED_PORT, path: '/x' } }),
    fallback: hook({ httpGet: { port: WEB_PORT, path: '/echo', scheme: 'HTTPS' } }),
    sleep: hook({ sleep: { seconds: 1 } }),
    sleepAborted: hook({ sleep: { seconds: 60 } }, 300),
    tcp: hook({ tcpSocket: { port: WEB_PORT } }),
  });
  const where = `for Container "main" in Pod "handlers_${cluster.namespace}(${uidOf(pod)})" failed - error:`;
  t.same(report('exec').outcome, { kind: 'ok' });
  t.equal(await node.exec(uidOf(pod), 'main', 'cat', '/tmp/hook'), 'hooked\n');
  t.equal(
    report('execFails').outcome.message,
    `Exec lifecycle hook ([sh -c echo out; echo err >&2; exit 1]) ${where} command 'sh -c echo out; echo err >&2; ` +
      'exit 1\' exited with 1: err\n, message: "out\\nerr\\n"',
  );
  t.match(report('execAborted').outcome, { kind: 'failed', message: /context canceled/ });
  t.ok(report('execAborted').tookMs < 1500);
  t.same(report('http').outcome, { kind: 'ok' }, 'whatever the answer says');
  t.equal(
    report('httpFails').outcome.message,
    `HTTP lifecycle hook (/x) ${where} Get "http://${podIP}:9/x": dial tcp ${podIP}:9: connect: connection refused`,
  );
  t.same(report('fallback').outcome, {
    kind: 'ok',
    httpFallback: `request to HTTPS lifecycle hook ${podIP}:${WEB_PORT} got HTTP response, retry with HTTP succeeded`,
  });
  t.ok(report('sleep').outcome.kind === 'ok' && report('sleep').tookMs >= 990);
  t.match(report('sleepAborted').outcome, {
    kind: 'failed',
    message: /container terminated before sleep hook finished$/,
  });
  t.match(report('tcp').outcome, { kind: 'failed', message: /^Cannot run handler: invalid handler: / });
});
