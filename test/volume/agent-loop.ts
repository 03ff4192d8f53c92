// Usage: node agent-loop.ts KUBECONFIG ROOT_DIR PODS_JSON — sets the pods' volumes up and tears them down until killed.
import { readFile } from 'node:fs/promises';
import { ApiClient } from '../../agent/api/client.ts';
import type { Pod } from '../../agent/api/objects.ts';
import { systemClock } from '../../agent/lib/clock.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { VolumeManager } from '../../agent/volume/volume-manager.ts';

const [, , kubeconfigPath = '', rootDir = '', podsPath = ''] = process.argv;
const { signal } = new AbortController();
const logger = createSilentLogger();
// What the parent wrote a moment ago.
const pods = JSON.parse(await readFile(podsPath, 'utf8')) as Pod[];
const client = await ApiClient.connect({ kubeconfigPath, logger, userAgent: 'nodelet-test', signal });
const node = { allocatable: () => ({ memory: '64Mi' }), labels: () => undefined, uid: () => undefined };
const manager = new VolumeManager({ client, rootDir, logger, clock: systemClock, node });
void manager.run(signal);
process.stdout.write('started');
for (;;) {
  await Promise.all(pods.map(pod => manager.ensureVolumes(pod, { signal })));
  await Promise.all(
    pods.map(({ metadata }) => manager.teardownVolumes(metadata.uid ?? '', { signal, isOrphan: false })),
  );
}
