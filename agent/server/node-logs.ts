// `/logs/?query=`: the logs of the host's services, from the journal or from their files.

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { streamCommand } from '../host/stream-command.ts';
import { errorMessage } from '../lib/errors.ts';
import { type Exchange, writeChunk } from './exchange.ts';
import { buildJournalArguments, type NodeLogOptions } from './node-log-query.ts';

const DEADLINE_MS = 30_000; // as the kubelet, for all of it

export async function serveServiceLogs(
  { response, signal: parent }: Exchange,
  root: string,
  services: readonly string[],
  options: NodeLogOptions,
): Promise<void> {
  const signal = AbortSignal.any([parent, AbortSignal.timeout(DEADLINE_MS)]);
  response.writeHead(200, { 'content-type': 'text/plain;charset=UTF-8' });
  const send = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) if (!(await writeChunk(response, chunk, { signal }))) return;
  };
  try {
    const inJournal = await unitsInJournal(signal);
    const native = services.filter(service => inJournal.has(`${service}.service`));
    const others = services.filter(service => !native.includes(service));
    if (native.length > 0) {
      await send(streamCommand('journalctl', buildJournalArguments(native, options), { signal }));
    }
    if (others.length > 0 && Object.keys(options).length > 0) {
      const advice = 'try without specifying options';
      response.write(
        `\noptions present and query resolved to log files for [${others.join(' ')}]\n${advice}\n`,
      );
    } else {
      for (const service of others) await send(serviceFile(root, service));
    }
  } catch (error) {
    parent.throwIfAborted();
    response.write(`\nfailed to get logs: ${errorMessage(error)}\n`);
  }
  response.end();
}

/** Empty on a host without a journal. */
async function unitsInJournal(signal: AbortSignal): Promise<ReadonlySet<string>> {
  let text = '';
  try {
    const args = ['--field=_SYSTEMD_UNIT', '--no-pager'];
    for await (const chunk of streamCommand('journalctl', args, { signal })) text += chunk.toString();
  } catch {
    signal.throwIfAborted();
    return new Set(); // not installed
  }
  return new Set(text.split('\n').map(line => line.trim()));
}

/** The first of the files that a service may write. Names of services hold no slash. */
async function* serviceFile(root: string, service: string): AsyncGenerator<Buffer> {
  for (const name of [service, `${service}.log`, join(service, `${service}.log`)]) {
    let hasBegun = false;
    try {
      for await (const chunk of createReadStream(join(root, name))) {
        hasBegun = true;
        yield chunk as Buffer; // no encoding is set
      }
      return;
    } catch (error) {
      if (hasBegun) throw error; // else it is not there, or a directory
    }
  }
  yield Buffer.from(`\nlog not found for ${service}\n`);
}
