// Lint rules, and the import table of agent/README.md as far as a rule per file can say it; hack/lint-architecture.ts
// checks the table itself.
import { defineConfig } from 'oxlint';
import packageJson from './package.json' with { type: 'json' };

const EDGES = ['config', 'api', 'cri', 'host'];
const SUBSYSTEMS = ['runtime', 'image', 'volume', 'probe', 'status', 'node', 'resources', 'proxy'];
const VIEWS = ['server', 'explain', 'doctor'];
const ABOVE = ['pod', ...VIEWS, 'join', 'cli'];

interface Ban {
  readonly regex: string;
  readonly message: string;
  readonly allowTypeImports?: boolean;
}

const without = (names: readonly string[], ...left: readonly string[]) =>
  names.filter(name => !left.includes(name));

/** Imports out of other folders of agent/, or of cri-proto/. */
function banFolders(folders: readonly string[], message: string): Ban {
  return { regex: `^(?:\\.\\./)+(?:${folders.join('|')})/`, message: `${message} (agent/README.md)` };
}

function banValuesOf(folders: readonly string[], message: string): Ban {
  return { ...banFolders(folders, message), allowTypeImports: true };
}

/** Every dependency but these, apart from its types. */
function banPackages(allowed: readonly string[], message: string): Ban {
  const names = without(Object.keys(packageJson.dependencies), ...allowed);
  return {
    regex: `^(?:${names.join('|')})(?:/|$)`,
    message: `${message} (agent/README.md)`,
    allowTypeImports: true,
  };
}

const MAIN = {
  regex: '^(?:\\.\\./)+main\\.ts$',
  message: 'main.ts is the composition root: nobody imports it',
};
const CLI = banFolders(['cli'], 'only main.ts imports cli');
const CRI_PROTO = banFolders(['cri-proto'], 'only cri speaks cri-proto');

function restrict(files: readonly string[], ...bans: readonly Ban[]) {
  return {
    files: [...files],
    rules: { 'eslint/no-restricted-imports': ['error', { patterns: [MAIN, ...bans] }] as const },
  };
}

function restrictEdge(edge: string) {
  const others = without(EDGES, edge, 'config');
  return restrict(
    [`agent/${edge}/**/*.ts`],
    banFolders(
      [...others, ...SUBSYSTEMS, ...ABOVE],
      `${edge} is an edge: it imports lib, never another edge`,
    ),
    ...(edge === 'config' ? [] : [banValuesOf(['config'], 'an edge takes types of config only')]),
    ...(edge === 'cri' ? [] : [CRI_PROTO]),
  );
}

function restrictSubsystem(folder: string) {
  return restrict(
    [`agent/${folder}/**/*.ts`],
    banFolders(ABOVE, `${folder} stands below pod: it imports edges, lib and types of its peers`),
    // What a pod asks for in resources is read by most of them; it stands lowest.
    banValuesOf(without(SUBSYSTEMS, folder, 'resources'), `${folder} takes types of its peers only`),
    { ...CRI_PROTO, allowTypeImports: true },
  );
}

const PURE = 'a plan or a builder is pure: types and pure helpers only';

export default defineConfig({
  plugins: ['typescript', 'import', 'promise', 'unicorn', 'oxc', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['node_modules', '.tap'],
  options: { typeAware: true },
  rules: {
    'import/no-cycle': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': [
      'error',
      // t.test() is tracked by tap itself.
      {
        allowForKnownSafePromises: [{ from: 'package', name: 'PromiseWithSubtest', package: '@tapjs/core' }],
      },
    ],
    'typescript/no-misused-promises': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'eslint/eqeqeq': ['error', 'always', { null: 'ignore' }],
    'eslint/no-empty': 'error',
    'eslint/no-unused-vars': [
      'error',
      { argsIgnorePattern: '^_', ignoreRestSiblings: true, varsIgnorePattern: '^_' },
    ],
    'eslint/no-var': 'error',
    'eslint/prefer-const': 'error',
    // The compiler checks this with knowledge of exhaustive switches.
    'typescript/consistent-return': 'off',
    // `as` stands beside a comment that gives the reason; a linter cannot read it.
    'typescript/no-unsafe-type-assertion': 'off',
    // Readonly arrays have no sort() and no reverse(); what is left works on a fresh copy.
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    // Matters of taste, or wrong about what an await changes.
    'eslint/no-shadow': 'off',
    'eslint/no-unmodified-loop-condition': 'off',
    'import/no-unassigned-import': 'off',
    'promise/always-return': 'off',
    'unicorn/consistent-function-scoping': 'off',
  },
  overrides: [
    restrict(['agent/**/*.ts'], CLI),
    restrict(
      ['agent/lib/**/*.ts'],
      { regex: '^\\.\\./', message: 'lib knows no Kubernetes: it imports no other folder (agent/README.md)' },
      banPackages(
        ['pino', 'pino-pretty', 'prom-client'],
        'lib imports node: modules, and pino and prom-client',
      ),
    ),
    ...EDGES.map(restrictEdge),
    ...SUBSYSTEMS.map(restrictSubsystem),
    restrict(['agent/pod/**/*.ts'], banFolders(without(ABOVE, 'pod'), 'pod conducts what stands below it')),
    restrict(
      ['agent/join/**/*.ts'],
      banFolders(
        ['cri', 'host', ...SUBSYSTEMS, ...without(ABOVE, 'join')],
        'join imports api, config and lib',
      ),
    ),
    ...VIEWS.map(view =>
      restrict(
        [`agent/${view}/**/*.ts`],
        banFolders(
          [...without(VIEWS, view), 'join', 'cli'],
          `${view} takes read-only views of what stands below it`,
        ),
      ),
    ),
    restrict(
      ['agent/**/plan*.ts', 'agent/**/build*.ts'],
      { regex: '^node:', message: `${PURE}, no node: module`, allowTypeImports: true },
      banPackages(['ipaddr.js'], `${PURE}, no package`),
      banValuesOf([...EDGES, 'cri-proto'], `${PURE}, of the edges types only`),
      {
        regex:
          '^(?:\\.\\./)+lib/(?:logger|clock|sleep|metrics|wakeup|task-group|semaphore|atomic-file)\\.ts$',
        message: `${PURE}, no logger, clock or timer`,
        allowTypeImports: true,
      },
      CLI,
    ),
    { files: ['**/*.test.ts'], rules: { 'eslint/no-restricted-imports': 'off' } },
  ],
});
