// Writes ustar archives (pax(1)), reproducibly: same entries, same bytes.

export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode?: number;
      readonly content: Buffer | string;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const BLOCK_BYTES = 512;
const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK_BYTES);

export function buildTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(tarEntry), END_OF_ARCHIVE]);
}

function tarEntry(entry: TarEntry): Buffer[] {
  switch (entry.kind) {
    case 'directory':
      return [header({ type: '5', path: `${entry.path}/`, mode: entry.mode ?? 0o755 })];
    case 'link':
      return [header({ type: '2', path: entry.path, mode: 0o777, target: entry.target })];
    case 'file': {
      const content = Buffer.from(entry.content);
      const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
      const size = content.length;
      return [header({ type: '0', path: entry.path, mode: entry.mode ?? 0o644, size }), content, padding];
    }
  }
}

function header(fields: {
  type: string;
  path: string;
  mode: number;
  size?: number;
  target?: string;
}): Buffer {
  const { prefix, name } = splitPath(fields.path);
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(name, 0);
  block.write(octal(fields.mode, 8), 100);
  block.write(octal(0, 8), 108); // uid
  block.write(octal(0, 8), 116); // gid
  block.write(octal(fields.size ?? 0, 12), 124);
  block.write(octal(0, 12), 136); // mtime
  block.write(' '.repeat(8), 148); // the checksum counts itself as blanks
  block.write(fields.type, 156);
  block.write(fields.target ?? '', 157);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** A path of more than 100 characters has its front part in a field of its own. */
function splitPath(path: string): { readonly prefix: string; readonly name: string } {
  if (path.length <= 100) return { prefix: '', name: path };
  const slash = path.indexOf('/', path.length - 101);
  if (slash < 0 || slash > 155) throw new Error(`path too long for a tar header: ${path}`);
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}
