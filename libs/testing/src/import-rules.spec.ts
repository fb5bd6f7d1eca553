import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const fixture = path.join(import.meta.dirname, '..', 'fixtures', 'boundaries');

/** Which rule each bad file of the fixture tree breaks. A rule without a line here is a rule that nobody has seen bite. */
const BREACHES = [
  ['cli-goes-through-the-gateway', 'services/cli/src/bad-messaging.ts'],
  ['contracts-do-no-io', 'contracts/src/bad-file.ts'],
  ['contracts-do-no-io', 'contracts/src/bad-package.ts'],
  ['contracts-import-nothing-of-the-workspace', 'contracts/src/bad-lib.ts'],
  ['declared-dependencies', 'libs/messaging/src/bad-undeclared.ts'],
  ['deployment-starts-services-as-processes', 'deploy/local/src/bad-service.ts'],
  ['libs-import-only-libs-below', 'libs/event-store/src/bad-upwards.ts'],
  ['libs-know-no-service', 'libs/event-store/src/bad-service.ts'],
  ['nats-behind-libs', 'services/one/src/bad-nats.ts'],
  ['nest-is-the-shell', 'libs/event-store/src/bad-nest.ts'],
  ['no-cycles', 'libs/messaging/src/bad-cycle-a.ts'],
  ['orm-in-adapters', 'services/one/src/bad-orm.ts'],
  ['pure-code-imports-only-pure-code', 'services/one/src/domain/job/bad-adapter.ts'],
  ['pure-code-imports-only-pure-code', 'services/one/src/domain/job/bad-nest.ts'],
  ['pure-code-imports-only-pure-code', 'services/one/src/domain/job/bad-randomness.ts'],
  ['pure-code-imports-only-pure-code', 'services/one/src/projections/jobs/bad.projection.ts'],
  ['pure-code-takes-only-types-of-libs', 'services/one/src/domain/job/bad-append.ts'],
  ['resolvable', 'libs/messaging/src/bad-unresolvable.ts'],
  ['services-know-no-deployment', 'services/one/src/bad-deploy.ts'],
  ['services-meet-only-in-events', 'services/one/src/bad-other-service.ts'],
  ['telemetry-behind-libs', 'services/one/src/bad-telemetry.ts'],
  ['test-tools-stay-in-tests', 'services/one/src/bad-simulator.ts'],
];

interface Cruise {
  readonly modules: readonly { source: string; dependencies: readonly { module: string; resolved: string }[] }[];
  readonly summary: {
    readonly violations: readonly { from: string; rule: { name: string } }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { name: string }[] };
  };
}

async function cruise(folder: string, paths: readonly string[]): Promise<Cruise> {
  const program = path.join(repository, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
  const config = path.join(repository, '.dependency-cruiser.mjs');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, '--config', config, '--output-type', 'json', ...paths],
    { cwd: folder, maxBuffer: 64 * 1024 * 1024 },
  ).catch((error: unknown) => {
    // Violations are its exit code; the report is on stdout all the same.
    if (error instanceof Error && 'stdout' in error && String(error.stdout).startsWith('{'))
      return { stdout: String(error.stdout) };
    throw error;
  });
  return JSON.parse(stdout) as Cruise;
}

describe('the import rules', () => {
  it('are broken by exactly the bad files of the fixture tree, each by its own rule, and every rule by one', async () => {
    const { summary } = await cruise(fixture, ['contracts', 'libs', 'services', 'deploy']);
    const breaches = summary.violations.map((violation) => [violation.rule.name, violation.from]);
    expect(breaches.toSorted((a, b) => a.join().localeCompare(b.join()))).toEqual(BREACHES);
    const rules = new Set(summary.ruleSetUsed.forbidden.map((rule) => rule.name));
    expect(rules).toEqual(new Set(BREACHES.map(([rule]) => rule)));
  });

  it('see through package names to the source behind them', async () => {
    const { modules } = await cruise(repository, ['libs/testing/src/use-nats.ts']);
    const resolved = modules.find((module) => module.source === 'libs/testing/src/use-nats.ts')?.dependencies;
    expect(resolved).toContainEqual(
      expect.objectContaining({ module: '@anime/embedded-servers', resolved: 'libs/embedded-servers/src/index.ts' }),
    );
  });
});
