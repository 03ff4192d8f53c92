// The agent and all its libraries as a few files that Node reads fast.
import { isAscii } from 'node:buffer';
import { mkdir, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, dirname } from 'node:path';
import { build, type OutputFile, type Plugin } from 'esbuild';
import { CHECKOUT } from '../sandbox/paths.ts';

/** What CommonJS libraries in an ES module need. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Node's own modules by `process.getBuiltinModule` in place of `import`. An import reads every export of a builtin, and
 * reading `WebSocket` of `node:http` loads all of Node's fetch: 3 MB of heap that the agent has no use for.
 */
const LAZY_BUILTINS: Plugin = {
  name: 'lazy-builtins',
  setup(bundle) {
    bundle.onResolve({ filter: /^[a-z]/ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: [
        `const builtin$ = process.getBuiltinModule(${JSON.stringify(path)});`,
        'const exportOf$ = (name) => builtin$[name];',
        'export default builtin$;',
        // Pure: what nobody imports is left out, and so never read.
        ...exportedNames(path).map(name => `export const ${name} = /* @__PURE__ */ exportOf$('${name}');`),
      ].join('\n'),
    }));
  },
};

function exportedNames(builtin: string): string[] {
  const names = Object.keys(process.getBuiltinModule(builtin) ?? {});
  return names.filter(name => name !== 'default' && /^[A-Za-z_$][\w$]*$/.test(name));
}

/** Writes main.js and its chunks. koffi stays outside: it looks for its native half beside itself. */
export async function writeBundle(directory: string): Promise<void> {
  const { outputFiles } = await build({
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
    plugins: [LAZY_BUILTINS],
    banner: { js: REQUIRE },
    charset: 'ascii',
    legalComments: 'none', // all licences are in the copyright file
    logLevel: 'warning',
    logOverride: { 'direct-eval': 'silent' },
    write: false,
  });
  await Promise.all(outputFiles.map(writeOutput));
}

/** One character beyond ASCII, and V8 keeps the whole of main.js in memory at two bytes a character. */
async function writeOutput({ path, contents }: OutputFile): Promise<void> {
  if (basename(path) === 'main.js' && !isAscii(contents))
    throw new Error('main.js has characters beyond ASCII: write them as \\u escapes');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
}
