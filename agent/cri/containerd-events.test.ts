import t from 'tap';
import type { Envelope } from '../../cri-proto/containerd-events.ts';
import { loadContainerdEvents } from '../../cri-proto/load.ts';
import { parseEnvelope } from './containerd-events.ts';

const { decodePayload } = loadContainerdEvents();

// containerd.events.TaskExit{container_id: "abc", id: "x", pid: 7, exit_status: 137, exited_at: {5, 250000000}}
const TASK_EXIT = Buffer.from('0a0361626312017818072089012a0708051080e59a77', 'hex');

const base: Envelope = {
  timestamp: null,
  namespace: 'k8s.io',
  topic: '/tasks/exit',
  event: { type_url: 'containerd.events.TaskExit', value: TASK_EXIT },
};

t.test('parseEnvelope() reads an exit and tells the process from the container', async t => {
  t.strictSame(parseEnvelope(base, decodePayload), {
    kind: 'taskExit',
    containerId: 'abc',
    processId: 'x',
    pid: 7,
    exitStatus: 137,
    exitedAtMs: 5250,
  });
});

t.test('parseEnvelope() takes a type URL with a host in front', async t => {
  const event = { type_url: 'types.containerd.io/containerd.events.TaskExit', value: TASK_EXIT };
  t.match(parseEnvelope({ ...base, event }, decodePayload), { kind: 'taskExit' });
});

t.test('parseEnvelope() passes over what it does not know', async t => {
  const event = { type_url: 'containerd.events.Invented', value: Buffer.alloc(0) };
  t.equal(parseEnvelope({ ...base, event }, decodePayload), undefined);
  t.equal(parseEnvelope({ ...base, event: null }, decodePayload), undefined);
});

t.test('parseEnvelope() takes our own marker for the subscription', async t => {
  t.strictSame(parseEnvelope({ ...base, topic: '/nodelet/subscribed' }, decodePayload), {
    kind: 'subscribed',
  });
});
