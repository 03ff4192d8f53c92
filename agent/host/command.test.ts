import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { runCommand } from './command.ts';

const { signal } = new AbortController();

t.test('runCommand() gives what the program says, and how it ends', async t => {
  t.same(await runCommand('sh', ['-c', 'cat; echo b >&2; exit 3'], { input: 'a', signal }), {
    exitCode: 3,
    stdout: 'a',
    stderr: 'b\n',
  });
  await t.rejects(runCommand('/no/such/program', [], { signal }), { name: 'NotFoundError' });
});

t.test('where no descriptor is left it fails like anything else', async t => {
  const [command, stream] = ['command', 'stream-command'].map(name =>
    fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
  );
  const script = `
    import { openSync } from 'node:fs';
    import { runCommand } from '${command}';
    import { streamCommand } from '${stream}';
    const { signal } = new AbortController();
    try { for (;;) openSync('/dev/null'); } catch {}
    await runCommand('true', [], { signal }).catch(error => console.log(error.name, error.code));
    try { for await (const _ of streamCommand('true', [], { signal }));
    } catch (error) { console.log(error.name, error.code); }`;
  const limited = `ulimit -n 64; exec "$0" --input-type=module-typescript --eval "$1"`;
  const said = execFileSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' });
  t.equal(said, 'UnavailableError EMFILE\nUnavailableError EMFILE\n');
});
