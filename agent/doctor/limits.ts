import { type Check, ok, warn } from './finding.ts';
import { readText } from './look.ts';

const OPEN_FILES = 65_536;

export const limits: Check = {
  name: 'limits',
  run: () => {
    const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readText('/proc/self/limits') ?? '')?.[1];
    const isEnough = hard === undefined || hard === 'unlimited' || Number(hard) >= OPEN_FILES;
    const mend = 'LimitNOFILE=1048576 in the unit, or ulimit -n 1048576';
    return [isEnough ? ok(`${hard ?? '?'} open files`) : warn(`at most ${hard} open files`, mend)];
  },
};
