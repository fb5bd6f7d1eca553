// The import table of docs/architecture.md as rules. libs/testing/src/import-rules.spec.ts proves with a fixture tree
// that each rule bites. Paths are relative to the folder cruised from (the repository, or the fixture).

/** A lib may import these libs and no others: they lie below it. contracts is open to all. */
const LIBS_BELOW = {
  'problem-details': [],
  'comfyui-client': ['problem-details'],
  'comfyui-simulator': [],
  'embedded-servers': [],
  'gateway-client': ['problem-details'],
  'quality-metrics': ['problem-details'],
  'workflow-engine': ['problem-details'],
  'blob-store': ['problem-details'],
  'event-store': ['problem-details'],
  'sealed-fields': ['blob-store', 'problem-details'],
  messaging: ['blob-store', 'event-store', 'problem-details'],
  'api-keys': ['event-store', 'messaging', 'problem-details'],
  projections: ['blob-store', 'event-store', 'problem-details'],
  'service-runtime': ['blob-store', 'event-store', 'messaging', 'problem-details', 'projections'],
  testing: ['embedded-servers'],
};

/** Specs and the helpers for them (`testing/` doors, benchmarks) may use what tests need. */
const TESTS = '\\.(spec|bench)\\.ts$|/src/testing/|/(test|test-support|jest)/|^libs/testing/';
/** Programs that write generated files; they are not part of what a package exports. */
const GENERATORS = '^contracts/(generators|scripts)/';
const PURE = '^(services|libs)/([^/]+)/src/(domain/|.*\\.projection\\.ts$)';
const IO_MODULES =
  '^(node:)?(fs|fs/promises|http|https|http2|net|tls|dgram|dns|child_process|worker_threads|cluster|os|readline|process)$';

const libRules = Object.entries(LIBS_BELOW).map(([lib, below]) => ({
  name: 'libs-import-only-libs-below',
  comment: `libs/${lib} may import contracts and ${below.join(', ') || 'no lib'}.`,
  severity: 'error',
  from: { path: `^libs/${lib}/`, pathNot: lib === 'testing' ? [] : [TESTS] },
  to: { path: '^libs/', pathNot: [lib, ...below].map((name) => `^libs/${name}/`) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle means that two files are one, or that a third is missing. Type imports count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that cannot be resolved escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-dependencies',
      comment: 'A package declares what it imports in its own package.json. Tests may use what the root declares.',
      severity: 'error',
      from: { path: '^(contracts|libs|services|deploy)/', pathNot: [TESTS] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'contracts-import-nothing-of-the-workspace',
      severity: 'error',
      from: { path: '^contracts/', pathNot: [TESTS] },
      to: { path: '^(libs|services|deploy)/' },
    },
    {
      name: 'contracts-do-no-io',
      comment: 'Contracts are values: of npm they need zod only.',
      severity: 'error',
      from: { path: '^contracts/', pathNot: [TESTS, GENERATORS] },
      to: { path: [IO_MODULES, 'node_modules/(?!zod/)'] },
    },
    {
      name: 'pure-code-imports-only-pure-code',
      comment: 'domain/ and *.projection.ts: contracts, the domain and projections beside them, nothing that does I/O.',
      severity: 'error',
      from: { path: PURE, pathNot: [TESTS] },
      to: {
        pathNot: [
          '^contracts/',
          '^libs/(event-store|projections)/',
          '^$1/$2/src/(domain|projections)/',
          '\\.projection\\.ts$',
        ],
      },
    },
    {
      name: 'pure-code-takes-only-types-of-libs',
      comment:
        'Of event-store and projections, pure code imports types, and all of the door without I/O, event-store/pure.',
      severity: 'error',
      from: { path: PURE, pathNot: [TESTS] },
      to: {
        path: '^libs/(event-store|projections)/',
        pathNot: ['^libs/event-store/src/pure\\.ts$'],
        dependencyTypesNot: ['type-only'],
      },
    },
    ...libRules,
    {
      name: 'libs-know-no-service',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|deploy)/' },
    },
    {
      name: 'services-meet-only-in-events',
      comment: 'No service imports another: they share contracts and libs.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: ['^services/$1/'] },
    },
    {
      name: 'services-know-no-deployment',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^deploy/' },
    },
    {
      name: 'deployment-starts-services-as-processes',
      severity: 'error',
      from: { path: '^deploy/' },
      to: { path: '^services/' },
    },
    {
      name: 'test-tools-stay-in-tests',
      comment: 'testing is for tests; embedded-servers and the simulator also for deploy.',
      severity: 'error',
      from: { path: '^(contracts|libs|services)/', pathNot: [TESTS, '^libs/(embedded-servers|comfyui-simulator)/'] },
      to: { path: '^libs/(testing|embedded-servers|comfyui-simulator)/' },
    },
    {
      name: 'cli-goes-through-the-gateway',
      comment: 'The CLI: contracts, gateway-client, event-store (provisioning) and the pure libs for offline commands.',
      severity: 'error',
      from: { path: '^services/cli/', pathNot: [TESTS] },
      to: {
        path: ['^libs/', 'node_modules/@(nestjs|nats-io|mikro-orm)/'],
        pathNot: ['^libs/(gateway-client|event-store|problem-details|workflow-engine|quality-metrics)/'],
      },
    },
    {
      name: 'nest-is-the-shell',
      comment: 'Nest only in service-runtime, messaging and services.',
      severity: 'error',
      from: { path: '^(contracts|libs|deploy)/', pathNot: ['^libs/(service-runtime|messaging)/', TESTS] },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'nats-behind-libs',
      comment:
        'The NATS client only in event-store, messaging, blob-store and testing, and in deploy/bench, which measures them against it.',
      severity: 'error',
      from: {
        path: '^(contracts|libs|services|deploy)/',
        pathNot: ['^libs/(event-store|messaging|blob-store|testing)/', '^deploy/bench/', TESTS],
      },
      to: { path: 'node_modules/@nats-io/' },
    },
    {
      name: 'telemetry-behind-libs',
      comment:
        'Spans and metrics are made in event-store, messaging and service-runtime alone, from the catalogue in contracts.',
      severity: 'error',
      from: {
        path: '^(contracts|libs|services|deploy)/',
        pathNot: ['^libs/(event-store|messaging|service-runtime)/', TESTS],
      },
      to: { path: 'node_modules/(@opentelemetry|prom-client)/' },
    },
    {
      name: 'orm-in-adapters',
      comment: "MikroORM only in libs/projections and in services' adapters, migrations and projections.",
      severity: 'error',
      from: {
        path: '^(contracts|libs|services|deploy)/',
        pathNot: [
          '^libs/projections/',
          '^services/[^/]+/src/(adapters|migrations|projections)/',
          '/mikro-orm\\.config\\.ts$',
          TESTS,
        ],
      },
      to: { path: 'node_modules/@mikro-orm/' },
    },
  ],
  options: {
    // Of our own folders only: many a package lies in its `dist`.
    exclude: {
      path: '^(contracts|libs/[^/]+|services/[^/]+|deploy/[^/]+)/dist/|(^|/)(\\.anime|\\.nx|fixtures/(boundaries|service))/',
    },
    doNotFollow: { path: 'node_modules' },
    // Type imports are imports: what a file knows is what counts.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@anime/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.json', '.d.ts'],
    },
  },
};
