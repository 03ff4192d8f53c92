// The agent and all its libraries as a few files that Node reads fast.
import { build } from 'esbuild';
import { CHECKOUT } from '../sandbox/paths.ts';

/** What CommonJS libraries in an ES module need. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Writes main.js and its chunks. koffi stays outside: it looks for its native half beside itself. */
export async function writeBundle(directory: string): Promise<void> {
  await build({
    absWorkingDir: CHECKOUT,
    entryPoints: { main: 'agent/main.ts' },
    outdir: directory,
    bundle: true,
    splitting: true, // what is imported late is loaded late
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    minify: true,
    keepNames: true, // class names are read: error names in logs
    external: ['koffi'],
    banner: { js: REQUIRE },
    legalComments: 'none', // all licences are in the copyright file
    logLevel: 'warning',
    logOverride: { 'direct-eval': 'silent' },
  });
}
