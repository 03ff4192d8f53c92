// What a configuration says otherwise than the one in force. Pure.
import type { ForeseenChange, ShownSetting } from './foreseen.ts';

export function foreseeSettings(
  present: readonly ShownSetting[],
  next: readonly (ShownSetting & { readonly origin: string; readonly status: string })[],
): readonly ForeseenChange[] {
  const before = new Map(present.map(({ path, value }) => [path, JSON.stringify(value)]));
  const after = new Map(next.map(setting => [setting.path, setting]));
  const paths = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return paths.flatMap((path): ForeseenChange[] => {
    const setting = after.get(path);
    const [from, to] = [before.get(path), setting && JSON.stringify(setting.value)];
    if (from === to) return [];
    const isIdle = setting?.status === 'accepted';
    const why = `${setting?.origin ?? 'not said any more'}${isIdle ? '; has no effect yet' : ''}`;
    const change = `${from ?? 'not set'} -> ${to ?? 'not set'}`;
    return [{ kind: 'setting', subject: path, change, why, isDisturbing: false }];
  });
}
