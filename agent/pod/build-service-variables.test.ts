import t from 'tap';
import { buildServiceVariables, type VariableService } from './build-service-variables.ts';

const master: VariableService = {
  namespace: 'default',
  name: 'kubernetes',
  clusterIP: '10.96.0.1',
  ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
};
const web: VariableService = {
  namespace: 'shop',
  name: 'my-web',
  clusterIP: 'fd00::7',
  ports: [
    { name: 'http-alt', port: 8080 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
};

t.test('buildServiceVariables() tells every pod where the API server is', async t => {
  t.same(Object.fromEntries(buildServiceVariables([web, master], 'other', true)), {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    KUBERNETES_PORT: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_443_TCP_PORT: '443',
    KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
  });
});

t.test('buildServiceVariables() names the Services of the own namespace, with every port', async t => {
  const variables = buildServiceVariables([web], 'shop', true);
  t.match(Object.fromEntries(variables), {
    MY_WEB_SERVICE_HOST: 'fd00::7',
    MY_WEB_SERVICE_PORT: '8080',
    MY_WEB_SERVICE_PORT_HTTP_ALT: '8080',
    MY_WEB_SERVICE_PORT_DNS: '53',
    MY_WEB_PORT: 'tcp://[fd00::7]:8080',
    MY_WEB_PORT_53_UDP: 'udp://[fd00::7]:53',
    MY_WEB_PORT_53_UDP_PROTO: 'udp',
  });
});

t.test('buildServiceVariables() without service links names the API server alone', async t => {
  t.equal(buildServiceVariables([web, master], 'shop', false).has('MY_WEB_SERVICE_HOST'), false);
});

t.test('a Service called kubernetes in the own namespace comes before that of default', async t => {
  const own = { ...web, name: 'kubernetes' };
  t.equal(buildServiceVariables([own, master], 'shop', true).get('KUBERNETES_SERVICE_HOST'), 'fd00::7');
});
