import t from 'tap';
import { resolveContainerPort } from './container-port.ts';

const container = {
  name: 'c',
  image: 'i',
  ports: [{ name: 'web', containerPort: 8080 }, { containerPort: 9090 }],
};

t.test('a port by number, by name, or by a number as text', async t => {
  t.same(resolveContainerPort(80, container), { kind: 'ok', port: 80 });
  t.same(resolveContainerPort('web', container), { kind: 'ok', port: 8080 });
  t.same(resolveContainerPort('81', container), { kind: 'ok', port: 81 });
});

t.test('anything else is told in Go’s words', async t => {
  const message = (port: number | string) => {
    const outcome = resolveContainerPort(port, container);
    return outcome.kind === 'invalid' ? outcome.message : undefined;
  };
  t.equal(message('absent'), 'strconv.Atoi: parsing "absent": invalid syntax');
  t.equal(message(0), 'invalid port number: 0');
  t.equal(message('65536'), 'invalid port number: 65536');
});
