import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { mock } from 'node:test';
import t from 'tap';
import { createSilentLogger } from '../lib/logger.ts';
import { HealthServers } from './health-servers.ts';
import type { PortState } from './service-port.ts';

function stateWith(healthCheckNodePort: number): PortState {
  return {
    port: {
      namespace: 'default',
      service: 'web',
      portName: '',
      protocol: 'tcp',
      clusterIP: '10.96.0.10',
      port: 80,
      nodePort: 30_080,
      externalIPs: [],
      loadBalancerVIPs: [],
      loadBalancerSourceRanges: [],
      affinitySeconds: undefined,
      isInternalPolicyLocal: false,
      isExternalPolicyLocal: true,
      healthCheckNodePort,
    },
    endpoints: [
      {
        address: '10.244.0.2',
        port: 8080,
        isReady: true,
        isServing: true,
        isTerminating: false,
        nodeName: 'node-1',
        zoneHints: undefined,
        nodeHints: undefined,
      },
    ],
  };
}

t.test('a health check whose port was taken is there when the port is free', async t => {
  const other = createTcpServer();
  await new Promise<void>(resolve => other.listen(0, resolve));
  const { port } = other.address() as AddressInfo; // of a TCP server
  const failed = Promise.withResolvers<string>();
  const servers = new HealthServers({
    nodeName: 'node-1',
    isHealthy: () => true,
    onFailure: (_, message) => failed.resolve(message),
    logger: createSilentLogger(),
  });
  t.teardown(() => servers.close());
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());

  servers.update('default/web', [stateWith(port)]);
  t.match(await failed.promise, `failed to start healthcheck "default/web" on port ${port}: `);
  await new Promise(resolve => other.close(resolve));
  mock.timers.tick(30_000);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  t.equal(response.status, 200);
  t.match(await response.json(), { service: { namespace: 'default', name: 'web' }, localEndpoints: 1 });
  servers.update('default/web', []);
  await t.rejects(fetch(`http://127.0.0.1:${port}/`));
});
