// A program: exchanges two paths with each other as fast as it can until it is killed; prints one line when it begins.
import koffi from 'koffi';

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

const renameat2: (...args: readonly unknown[]) => unknown = koffi
  .load(null)
  .func('int renameat2(int fromDir, const char *from, int toDir, const char *to, unsigned int flags)');
const [, , one, other] = process.argv;
process.stdout.write('swapping\n');
while (true) renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
