// The file suffix is the tier: `.spec.ts` pure, `.int.spec.ts` real servers, `.e2e.spec.ts` several services.
// `npm test` runs one Jest project after the other through Nx; `npx jest --selectProjects spec <file>` runs one file.
if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error('Start the tests through npm (npm test, npx jest): they need Node 24, this is ' + process.version);
}

const base = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironmentOptions: { customExportConditions: ['@anime/source', 'node', 'node-addons'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.anime/'],
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

export default {
  maxWorkers: 2,
  workerIdleMemoryLimit: '700MB',
  projects: [
    { ...base, displayName: 'spec', testRegex: '(?<!\\.(int|e2e))\\.spec\\.ts$' },
    { ...base, displayName: 'int', testRegex: '\\.int\\.spec\\.ts$' },
    { ...base, displayName: 'e2e', testRegex: '\\.e2e\\.spec\\.ts$' },
  ],
};
