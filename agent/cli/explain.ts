import { Command } from 'commander';
import type { PodExplanation } from '../explain/explanation.ts';
import { formatExplanation } from '../explain/format-explanation.ts';
import { EXIT_FAILURE, type Exit, usageError } from './exit-codes.ts';
import { askAgent } from './local-request.ts';
import { complain, formatJson, type Output } from './output.ts';

interface Options {
  readonly json?: true;
  readonly containerRuntimeEndpoint: string;
}

const DEFAULT_ENDPOINT = 'unix:///run/containerd/containerd.sock';

export function explainCommand(output: Output, exit: Exit): Command {
  const pod = new Command('pod')
    .description('what happened to a pod of this node, step by step, and the one thing that holds it up')
    .argument('<namespace/name>', 'a pod of the namespace `default` needs no namespace')
    .option('--json', 'print JSON')
    .option(
      '--container-runtime-endpoint <endpoint>',
      'whom to ask while nodelet does not run',
      DEFAULT_ENDPOINT,
    )
    .action(async (reference: string, options: Options) => {
      const subject = parseReference(reference);
      if (!subject) {
        throw usageError(`${JSON.stringify(reference)} names no pod: expected NAMESPACE/NAME or NAME`);
      }
      const found = await findExplanation(subject, options, output);
      if (!found) {
        complain(output, `there is no pod ${subject.namespace}/${subject.name} on this node`);
        return exit(EXIT_FAILURE);
      }
      output.out(options.json ? formatJson(found) : formatExplanation(found, Date.now()));
    });
  return new Command('explain').addCommand(pod);
}

interface Subject {
  readonly namespace: string;
  readonly name: string;
}

function parseReference(reference: string): Subject | undefined {
  const [first, second, ...rest] = reference.split('/');
  if (!first || rest.length > 0 || second === '') return undefined;
  return second === undefined ? { namespace: 'default', name: first } : { namespace: first, name: second };
}

async function findExplanation(
  subject: Subject,
  { containerRuntimeEndpoint }: Options,
  output: Output,
): Promise<PodExplanation | undefined> {
  const answer = await askAgent<PodExplanation>(
    `/pods/${encodeURIComponent(subject.namespace)}/${encodeURIComponent(subject.name)}`,
  );
  if (answer.kind === 'found') return answer.value;
  if (answer.kind === 'notFound') return undefined;
  complain(output, `no agent answers here (${answer.reason}); asking the container runtime`);
  const { explainOffline } = await import('./explain-offline.ts'); // with all that speaks CRI
  return await explainOffline(containerRuntimeEndpoint, subject);
}
