import t from 'tap';
import { InvalidError, UnavailableError } from '../lib/errors.ts';
import { parseIptablesVersion, restoreError } from './iptables.ts';

t.test('parseIptablesVersion() tells the backends apart', async t => {
  t.same(parseIptablesVersion('iptables v1.8.9 (nf_tables)\n'), { version: '1.8.9', backend: 'nft' });
  t.same(parseIptablesVersion('ip6tables v1.8.7 (legacy)\n'), { version: '1.8.7', backend: 'legacy' });
  t.same(parseIptablesVersion('iptables v1.6.1\n'), { version: '1.6.1', backend: 'legacy' });
  t.equal(parseIptablesVersion('nonsense'), undefined);
});

t.test('restoreError() quotes the refused line and tells what may pass', async t => {
  const input = '*nat\n:X - [0:0]\n-A X -j NOSUCH\nCOMMIT\n';
  const refused = restoreError(
    { exitCode: 2, stdout: '', stderr: 'iptables-restore: line 3 failed\n' },
    input,
  );
  t.type(refused, InvalidError);
  t.equal(refused.message, 'iptables-restore: line 3 failed: -A X -j NOSUCH');
  const missing = {
    exitCode: 2,
    stdout: '',
    stderr: `iptables-restore v1.8.9 (nf_tables): Chain 'NOSUCH' does not exist
Error occurred at line: 4
Try \`iptables-restore -h' or 'iptables-restore --help' for more information.
`,
  };
  t.equal(
    restoreError(missing, input).message,
    "iptables-restore: Chain 'NOSUCH' does not exist; Error occurred at line: 4: -A X -j NOSUCH",
  );
  const kernel =
    'iptables-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (Invalid argument): rule in chain X';
  t.type(restoreError({ exitCode: 4, stdout: '', stderr: kernel }, input), InvalidError);
  const stderr = 'Another app is currently holding the xtables lock; still 4s 0us time ahead';
  t.type(restoreError({ exitCode: 4, stdout: '', stderr }, input), UnavailableError);
  t.type(restoreError({ exitCode: undefined, stdout: '', stderr: '' }, input), UnavailableError);
});
