import './private-namespaces.ts';
import t from 'tap';
import { readIptablesVersion, restoreRules, saveRules } from '../../agent/host/iptables.ts';
import { watchPacketRules } from '../../agent/host/watch-packet-rules.ts';
import { InvalidError } from '../../agent/lib/errors.ts';
import { waitFor } from '../support/wait-for.ts';

const { signal } = new AbortController();

for (const family of [4, 6] as const) {
  t.test(`IPv${family} rules are restored beside others`, async t => {
    t.match(await readIptablesVersion(family, { signal }), { version: /^\d/, backend: /nft|legacy/ });
    await restoreRules({ family, input: '*nat\n:OTHER - [0:0]\n-A OTHER -j RETURN\nCOMMIT\n', signal });
    const input = '*nat\n:OURS - [0:0]\n-A OURS -j MASQUERADE\nCOMMIT\n';
    for (let pass = 0; pass < 2; pass++) await restoreRules({ family, input, signal });
    const rules = (await saveRules(family, { table: 'nat', signal }))
      .split('\n')
      .filter(line => line.startsWith('-A'));
    t.same(rules, ['-A OTHER -j RETURN', '-A OURS -j MASQUERADE']);
  });
}

t.test('a refused rule is named, and nothing of its table applied', async t => {
  const input = '*nat\n:BROKEN - [0:0]\n-A BROKEN -j NOSUCHTARGET\nCOMMIT\n';
  const attempt = restoreRules({ family: 4, input, signal });
  await t.rejects(attempt, { message: /-A BROKEN -j NOSUCHTARGET$/ });
  await t.rejects(restoreRules({ family: 4, input: 'nonsense\n', signal }), InvalidError);
  t.notMatch(await saveRules(4, { table: 'nat', signal }), /BROKEN/);
});

t.test('an abort ends the wait', async t => {
  await t.rejects(restoreRules({ family: 4, input: '', signal: AbortSignal.abort() }));
});

t.test('each transaction is told, whatever its size', async t => {
  const { backend } = await readIptablesVersion(4, { signal });
  if (backend === 'legacy') return; // tells nobody
  let changes = 0;
  const watch = watchPacketRules(() => changes++);
  t.teardown(() => watch[Symbol.dispose]());
  const rules = Array.from(
    { length: 500 },
    (_, i) => `-A LONG -s 192.0.2.1 -m comment --comment ${i} -j RETURN\n`,
  );
  await restoreRules({ family: 4, input: `*nat\n:LONG - [0:0]\n${rules.join('')}COMMIT\n`, signal });
  await waitFor('a change', () => changes > 0);
  t.equal(changes, 1);
  await restoreRules({ family: 6, input: '*nat\n:LONG - [0:0]\nCOMMIT\n', signal });
  await waitFor('another change', () => changes === 2);
});
