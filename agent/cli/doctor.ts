import { Command } from 'commander';
import { nodePath } from '../api/paths.ts';
import type { Config } from '../config/config.ts';
import { connectRuntime } from '../cri/connect.ts';
import { examine } from '../doctor/examine.ts';
import type { ApiProbe, DoctorContext, Finding } from '../doctor/finding.ts';
import { errorMessage, NotFoundError } from '../lib/errors.ts';
import { addConfigFlags, loadPresentConfig } from './config-flags.ts';
import { connectApi } from './connect-api.ts';
import { EXIT_FAILURE, EXIT_OK, type Exit } from './exit-codes.ts';
import { formatJson, type Output } from './output.ts';

const API_TIMEOUT_MS = 1_300;

export function doctorCommand(output: Output, exit: Exit): Command {
  const command = new Command('doctor')
    .option('--json', 'print JSON')
    .option('--all', 'also print what is in order')
    .addHelpText(
      'after',
      '\nIt changes nothing. Exit code 1 says that something fails; warnings alone are 0.',
    );
  return addConfigFlags(command).action(async (options: { readonly json?: true; readonly all?: true }) => {
    const { config } = await loadPresentConfig(command);
    const { signal } = new AbortController();
    const findings = await examine(doctorContext(config), { signal });
    const failures = findings.filter(({ status }) => status === 'fail').length;
    if (options.json) output.out(formatJson(findings));
    else output.out(formatFindings(findings, { isAll: options.all ?? false }));
    exit(failures > 0 ? EXIT_FAILURE : EXIT_OK);
  });
}

export function doctorContext(config: Config): DoctorContext {
  return {
    config,
    probeApi: async options => await probeApi(config, options),
    askRuntime: async options => {
      const connection = connectRuntime({ runtimeEndpoint: config.runtime.endpoint });
      try {
        return await connection.runtime.version(options);
      } finally {
        connection.close();
      }
    },
  };
}

/** One request; also tells how long a connection takes. */
async function probeApi(config: Config, { signal }: { readonly signal: AbortSignal }): Promise<ApiProbe> {
  const startedMs = performance.now();
  try {
    const api = await connectApi(config, 'doctor', { signal });
    try {
      await api
        .get(nodePath(config.node.name), { signal, timeoutMs: API_TIMEOUT_MS })
        .catch((error: unknown) => {
          // It answered; that there is no such Node yet is no fault of the machine.
          if (!(error instanceof NotFoundError)) throw error;
        });
      return { kind: 'answered', server: api.serverUrl, latencyMs: performance.now() - startedMs };
    } finally {
      await api.close();
    }
  } catch (error) {
    return { kind: 'failed', reason: errorMessage(error) };
  }
}

function formatFindings(findings: readonly Finding[], { isAll }: { readonly isAll: boolean }): string {
  const shown = findings.filter(({ status }) => isAll || status !== 'ok');
  const lines = shown.map(({ check, status, message, mend }) => {
    const line = `${status.padEnd(4)}  ${check.padEnd(12)}  ${message}\n`;
    return mend === undefined ? line : `${line}${' '.repeat(20)}-> ${mend}\n`;
  });
  const count = (status: Finding['status']): number => findings.filter(one => one.status === status).length;
  return `${lines.join('')}${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failing\n`;
}
