import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatKubeletUnit } from './kubelet-unit.ts';

const NODELET_UNIT = join(import.meta.dirname, '..', '..', 'systemd', 'nodelet.service');

t.test("formatKubeletUnit() has kubeadm's conditions and none of nodelet's own", async t => {
  const unit = formatKubeletUnit(readFileSync(NODELET_UNIT, 'utf8'));
  t.strictSame(unit.match(/^Condition.*$/gm), [
    'ConditionPathExists=/var/lib/kubelet/config.yaml',
    'ConditionPathExists=!/etc/nodelet/kubeconfig',
  ]);
  t.strictSame(unit.match(/^ExecStart=\S+/gm), ['ExecStart=/usr/bin/kubelet']);
});
