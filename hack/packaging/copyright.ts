// Whose work is in the package, under which licences.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT } from '../sandbox/paths.ts';

interface LockedPackage {
  readonly version: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

export async function formatCopyright(): Promise<string> {
  const own = await readFile(join(CHECKOUT, 'LICENSE'), 'utf8');
  // npm's own file, version 3.
  const lock = JSON.parse(await readFile(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const sections: string[] = [`nodelet\n\n${own}`];
  for (const [path, { version, dev, devOptional }] of Object.entries(lock.packages)) {
    if (path === '' || dev || devOptional || !existsSync(join(CHECKOUT, path))) continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    sections.push(`${name} ${version}\n\n${await readLicence(join(CHECKOUT, path))}`);
  }
  sections.push(
    `Node.js ${process.version}\n\nMIT, https://github.com/nodejs/node/blob/${process.version}/LICENSE\n`,
  );
  return sections.join(`\n${'-'.repeat(80)}\n\n`);
}

async function readLicence(directory: string): Promise<string> {
  const name = (await readdir(directory)).sort().find(file => /^licen[cs]e/i.test(file));
  if (name !== undefined) return await readFile(join(directory, name), 'utf8');
  // A package file: the licence's short name is all it tells.
  const { license } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
    license?: string;
  };
  return `${license ?? 'unknown'}\n`;
}
