import { Command } from 'commander';
import { KUBERNETES_VERSION, NODELET_VERSION } from '../config/version.ts';
import { formatJson, type Output } from './output.ts';

export function versionCommand(output: Output): Command {
  return new Command('version')
    .option('--json', 'print JSON')
    .action(({ json }: { readonly json?: boolean }) => {
      output.out(json ? formatJson(VERSIONS) : `${VERSION_LINE}\n`);
    });
}

const VERSIONS = { nodelet: NODELET_VERSION, kubernetes: KUBERNETES_VERSION, node: process.version };
export const VERSION_LINE = `nodelet ${NODELET_VERSION} (Kubernetes ${KUBERNETES_VERSION}, Node.js ${process.version})`;
