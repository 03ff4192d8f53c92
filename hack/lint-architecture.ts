// Usage: node hack/lint-architecture.ts [PAGE] - imports against the table of the architecture page (agent/README.md)
import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkArchitecture } from './architecture/check-architecture.ts';

const ROOT = resolve(import.meta.dirname, '..');
const pagePath = process.argv[2] ?? resolve(ROOT, 'agent/README.md');
if (!existsSync(pagePath)) {
  console.error(`${pagePath} is missing: it holds the import table`);
  process.exit(1);
}
const page = await readFile(pagePath, 'utf8');
const paths = globSync('{agent,cri-proto,cni}/**/*.ts', { cwd: ROOT }).sort();
const modules = await Promise.all(
  paths.map(async path => ({ path, source: await readFile(resolve(ROOT, path), 'utf8') })),
);
const problems = checkArchitecture(page, modules);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
