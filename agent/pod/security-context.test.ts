import t from 'tap';
import type { Container, Pod, PodSecurityContext, SecurityContext } from '../api/objects.ts';
import { buildContainerSecurity, buildSandboxSecurityContext } from './security-context.ts';

const host = { kind: 'host' } as const;
const own = { kind: 'own', range: { hostId: 131_072, length: 65_536 } } as const;
const node = {
  rootDir: '/var/lib/kubelet',
  isSeccompDefault: false,
  maskedCpuPaths: ['/sys/cpu0'],
  volumeGroups: [8, 9],
  userNamespace: own,
};
const image = { uid: undefined, username: '' };

function makePod(ofPod: PodSecurityContext, own: SecurityContext): Pod & { container: Container } {
  const container = { name: 'web', image: 'web:1', securityContext: own };
  const metadata = { name: 'p', namespace: 'n', uid: 'u' };
  return { metadata, spec: { securityContext: ofPod, containers: [container] }, container };
}

const ROWS: Readonly<Record<string, readonly [PodSecurityContext, SecurityContext, object]>> = {
  'SELinux options of the pod, whole': [
    { seLinuxOptions: { level: 's0:c1' } },
    {},
    { selinuxOptions: { level: 's0:c1' } },
  ],
  'SELinux options of the container in place of them': [
    { seLinuxOptions: { level: 's0:c1' } },
    { seLinuxOptions: { type: 'spc_t' } },
    { selinuxOptions: { type: 'spc_t', level: undefined } },
  ],
  'an AppArmor profile, in both spellings': [
    {},
    { appArmorProfile: { type: 'Localhost', localhostProfile: 'web' } },
    { apparmor: { profileType: 'Localhost', localhostRef: 'web' }, apparmorProfile: 'localhost/web' },
  ],
  'no AppArmor when the container says so': [
    { appArmorProfile: { type: 'RuntimeDefault' } },
    { appArmorProfile: { type: 'Unconfined' } },
    { apparmor: { profileType: 'Unconfined' }, apparmorProfile: 'unconfined' },
  ],
  'groups: fsGroup first, those of volumes last, and only these when strict': [
    { fsGroup: 7, supplementalGroups: [8], supplementalGroupsPolicy: 'Strict' },
    {},
    { supplementalGroups: [7, 8, 9], supplementalGroupsPolicy: 'Strict' },
  ],
  'a proc that hides what the kernel tells about others': [
    {},
    {},
    { maskedPaths: ['/proc/asound', ...Array(11).fill(/^\//), '/sys/cpu0'], readonlyPaths: ['/proc/bus'] },
  ],
  'a proc that hides nothing': [{}, { procMount: 'Unmasked' }, { maskedPaths: [], readonlyPaths: [] }],
};

for (const [name, [ofPod, own, expected]] of Object.entries(ROWS)) {
  t.test(`buildContainerSecurity() passes on ${name}`, async t => {
    const { container, ...pod } = makePod(ofPod, own);
    t.match(buildContainerSecurity(pod, container, image, node, undefined), { context: expected });
  });
}

t.test("buildSandboxSecurityContext() has what is the pod's", async t => {
  const { spec } = makePod(
    { seLinuxOptions: { level: 's0:c1' }, fsGroup: 7, runAsUser: 5 },
    { privileged: true },
  );
  t.match(buildSandboxSecurityContext(spec, host), {
    namespaceOptions: { usernsOptions: { mode: 'NODE' } },
    privileged: true,
    runAsUser: { value: 5 },
    supplementalGroups: [7],
    selinuxOptions: { level: 's0:c1' },
  });
});

t.test('a pod with IDs of its own has them in its sandbox and in each container', async t => {
  const mappings = [{ hostId: 131_072, containerId: 0, length: 65_536 }];
  const namespaceOptions = { usernsOptions: { mode: 'POD', uids: mappings, gids: mappings } };
  const { container, ...pod } = makePod({}, {});
  t.match(buildSandboxSecurityContext(pod.spec, own), { namespaceOptions });
  t.match(buildContainerSecurity(pod, container, image, node, undefined), { context: { namespaceOptions } });
});
