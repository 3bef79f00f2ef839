import jsdoc from 'eslint-plugin-jsdoc'
import tseslint from 'typescript-eslint'

/** Who may import which of our packages (ARCHITECTURE.md, "Four floors"). */
const FLOORS = {
  protocol: [],
  platform: ['protocol'],
  auth: ['protocol', 'platform'],
  engine: ['protocol', 'platform'],
  blobs: ['protocol', 'platform'],
  'wallet-bridge': ['protocol', 'platform'],
  standalone: ['protocol', 'platform', 'auth', 'engine', 'blobs', 'wallet-bridge'],
  'clients/sdk': ['protocol'],
  'clients/cli': ['protocol', 'sdk'],
  'clients/web': ['protocol', 'sdk'],
  sim: ['protocol', 'platform', 'auth', 'engine', 'wallet-bridge', 'sdk'],
  bench: ['protocol', 'sdk'],
  tools: ['protocol'],
}
const OURS = ['protocol', 'platform', 'auth', 'engine', 'blobs', 'wallet-bridge', 'standalone', 'sdk', 'cli', 'web', 'sim', 'bench', 'tools']

/** Packages that talk to a store, broker or socket: their types must not leave the adapter that hides them. */
const DRIVERS = ['lmdb', 'uWebSockets.js', 'ws', 'libsql', 'cassandra-driver', '@aws-sdk/client-s3', 'ioredis', 'nats', 'pg', 'kysely', 'kysely-pglite-dialect', '@electric-sql/pglite', '@solana/web3.js', 'litesvm', '@terra-money/terra.js', '@ton/sandbox', '@ton-community/func-js']
const driverPatterns = DRIVERS.map((name) => ({
  // A regular expression: a group would also catch our own folders of that name.
  regex: `^${name.replaceAll('.', '\\.')}(/|$)`,
  message: `Import ${name} only inside an adapters/ folder (sdk: store/ and node/; wallet-bridge: ledger/postgres/, measure/postgres/, measure/{crash,deposits}/chains/ and chain/<name>/), behind its port: see ARCHITECTURE.md, "Ports and adapters".`,
}))

const floorPatterns = (allowed) =>
  OURS.filter((name) => !allowed.includes(name)).map((name) => ({
    group: [`@evegram/${name}`, `@evegram/${name}/*`],
    message:
      `This workspace must not import @evegram/${name} (ARCHITECTURE.md, "Four floors"). ` +
      'Declare what you need as a port here and bind it in the composition root.',
  }))
const signalPattern = {
  group: ['libsignal-protocol-typescript', '@privacyresearch/*'],
  message: 'Only clients/sdk/src/crypto/signal.ts may import libsignal: it repairs and self-tests it. Use its exports.',
}
const relativePattern = {
  regex: '^(\\.\\./)+(protocol|platform|auth|engine|blobs|wallet-bridge|standalone|clients|sim|bench|tools)/',
  message: 'Import other workspaces by package name (@evegram/…), so that the floors can be checked.',
}
const restrict = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/vectors/**/*.json', '.evegram/**', '**/test-bundle/**/output/**'] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { jsdoc },
    languageOptions: {
      parserOptions: { project: ['./tsconfig.lint.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Use the Random port (ids, keys and jitter alike).' },
        { object: 'Date', property: 'now', message: 'Use the Clock port.' },
        { object: 'process', property: 'env', message: 'Read the environment in the config file of the service only.' },
      ],
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: 'Use the Clock port.' },
        { name: 'setInterval', message: 'Use the Clock port.' },
      ],
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: true,
          require: { FunctionDeclaration: true, ClassDeclaration: true, MethodDefinition: false },
          contexts: ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'],
          checkConstructors: false,
        },
      ],
      'max-lines': ['error', { max: 450, skipBlankLines: true, skipComments: true }],
    },
  },
  ...Object.entries(FLOORS).map(([folder, allowed]) => ({
    files: [`${folder}/src/**/*.ts`, `${folder}/src/**/*.tsx`],
    rules: restrict([...floorPatterns(allowed), ...driverPatterns, signalPattern, relativePattern]),
  })),
  ...Object.entries(FLOORS).map(([folder, allowed]) => ({
    files: [`${folder}/src/adapters/**/*.ts`, `${folder}/src/store/**/*.ts`, `${folder}/src/node/**/*.ts`, `${folder}/src/ledger/postgres/**/*.ts`, `${folder}/src/measure/postgres/**/*.ts`, `${folder}/src/measure/{crash,deposits}/chains/**/*.ts`, `${folder}/src/chain/*/**/*.ts`],
    rules: restrict([...floorPatterns(allowed), signalPattern, relativePattern]),
  })),
  {
    files: ['clients/sdk/src/crypto/signal.ts', 'clients/sdk/src/crypto/signal-*.ts', 'clients/sdk/src/crypto/**/*.test.ts'],
    rules: restrict([...floorPatterns(['protocol']), ...driverPatterns, relativePattern]),
  },
  {
    // The edges: real time, real environment, command lines and tests.
    files: [
      '**/*.test.ts', '**/*.contract.ts', '**/testing/**/*.ts', 'bench/src/**/*.ts', 'tools/src/**/*.ts', 'clients/cli/src/**/*.ts',
      'platform/src/clock.ts', 'clients/sdk/src/node/**/*.ts', '**/src/main.ts', '**/src/config.ts', '**/src/verify-vectors.ts',
      'sim/src/{cli,planted}/**/*.ts', '**/vectors/**/*.ts', '**/scripts/**/*.ts', 'vitest.config.ts', 'clients/web/vite.config.ts',
    ],
    rules: {
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Use the Random port or node:crypto.' }],
      'no-restricted-globals': 'off',
      'jsdoc/require-jsdoc': 'off',
      'max-lines': 'off',
    },
  },
  {
    // Tests may open drivers and cross floors where the claim is about the parts together.
    files: ['**/*.test.ts', '**/*.contract.ts', 'platform/src/testing/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [relativePattern] }], '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    // Tests of pages drive the Chromium that tools/chromium.mjs finds.
    files: ['clients/web/src/testing/**/*.ts', 'clients/web/src/**/*.test.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    // The harness is a client of the public API: raw sockets yes, services no.
    files: ['bench/src/**/*.ts'],
    rules: restrict([...floorPatterns(FLOORS.bench), signalPattern, relativePattern]),
  },
)
