// The file suffix is the tier: `.spec.ts` pure, `.int.spec.ts` real servers, `.e2e.spec.ts` several services.
// `npm test` runs one Jest project after the other through Nx; `npm run jest -- --selectProjects spec <file>` runs one file.
if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error('Start the tests through npm (npm test, npx jest): they need Node 24, this is ' + process.version);
}

const base = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironmentOptions: { customExportConditions: ['@anime/source', 'node', 'node-addons'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.anime/', '/libs/testing/fixtures/'],
  modulePathIgnorePatterns: ['/dist/', '/.anime/', '/.nx/'],
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'es6' },
        jsc: {
          target: 'es2023',
          keepClassNames: true,
          parser: { syntax: 'typescript', tsx: false, decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
      },
    ],
  },
};

// One PostgreSQL for the whole run; each suite makes its own database in it (@anime/testing, createTestDatabase).
const withServers = {
  ...base,
  globalSetup: '<rootDir>/libs/testing/jest/global-setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/jest/global-teardown.mjs',
};

export default {
  maxWorkers: 2,
  // A test with real servers may take long on a slow machine: it waits for events, so it ends as soon as they come.
  testTimeout: 60_000,
  workerIdleMemoryLimit: '700MB',
  reporters: ['default', `${import.meta.dirname}/libs/testing/jest/totals-reporter.mjs`],
  projects: [
    { ...base, displayName: 'spec', testRegex: '(?<!\\.(int|e2e))\\.spec\\.ts$' },
    { ...withServers, displayName: 'int', testRegex: '\\.int\\.spec\\.ts$' },
    { ...withServers, displayName: 'e2e', testRegex: '\\.e2e\\.spec\\.ts$' },
  ],
};
