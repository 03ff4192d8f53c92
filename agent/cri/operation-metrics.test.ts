import t from 'tap';
import { operationType } from './operation-metrics.ts';

t.test("operationType() is the kubelet's name of a CRI method", async t => {
  t.equal(operationType('RunPodSandbox'), 'run_podsandbox');
  t.equal(operationType('CreateContainer'), 'create_container');
  t.equal(operationType('ImageFsInfo'), 'image_fs_info');
  t.equal(operationType('Version'), 'version');
});
