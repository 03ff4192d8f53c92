// systeminformation's package entry loads all of its parts (2.6 MB resident, 40 ms); these two are what we ask.
declare module 'systeminformation/lib/memory.js' {
  import type { Systeminformation } from 'systeminformation';

  const memory: { readonly mem: () => Promise<Systeminformation.MemData> };
  export default memory;
}

declare module 'systeminformation/lib/cpu.js' {
  import type { Systeminformation } from 'systeminformation';

  const cpu: { readonly cpu: () => Promise<Systeminformation.CpuData> };
  export default cpu;
}
