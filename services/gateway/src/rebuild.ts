// `npm run rebuild -w @anime/gateway`: fills the read-models anew from the log and puts them in the place of the old ones.
import { parseArgs } from 'node:util';
import { runMain } from '@anime/service-runtime/main';

const HELP = `Rebuilds the gateway's read-models from the event log, one after the other, each beside the live one, and switches in one step.

npm run rebuild -w @anime/gateway -- [options]
  --check-parity   compare the new tables with the live ones, at the position of these, before switching; fails when they differ
  --help           this text

Reads NATS_URL and DATABASE_URL as the gateway does. The gateway may go on running: one that stopped because its read-model
did not belong to the log goes on by itself within seconds. Prints one line of JSON for each: the position up to which was
read, and with --check-parity the SHA-256 that both have.
`;

const { values } = parseArgs({
  options: { 'check-parity': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});

if (values.help) process.stdout.write(HELP);
else await runMain('gateway', import.meta.url, () => rebuildAll(values['check-parity']));

async function rebuildAll(checkParity: boolean): Promise<void> {
  const [
    { openLog },
    { rebuild },
    { default: cliProgress },
    { readGatewayConfig },
    { gatewayDatabase },
    { PROJECTIONS },
  ] = await Promise.all([
    import('@anime/event-store'),
    import('@anime/projections'),
    import('cli-progress'),
    import('./config.js'),
    import('./adapters/postgres/gateway-database.js'),
    import('./projections/index.js'),
  ]);
  const config = readGatewayConfig();
  const log = openLog({ natsUrl: config.NATS_URL, name: 'gateway' });
  const database = gatewayDatabase(config.DATABASE_URL);
  try {
    for (const projection of PROJECTIONS) {
      // Progress goes to standard error, so that standard output holds the result alone.
      const bar = new cliProgress.SingleBar(
        {
          format: `rebuilding ${projection.name} {bar} {percentage}%  event {value} of {total}  {eta_formatted} left`,
          noTTYOutput: true,
          stream: process.stderr,
        },
        cliProgress.Presets.shades_classic,
      );
      try {
        bar.start(await log.end(), 0);
        const { checkpoint, hash } = await rebuild(projection, log, database, {
          checkParity,
          onProgress: ({ position, end }) => {
            bar.setTotal(end);
            bar.update(position);
          },
        });
        bar.stop();
        process.stdout.write(
          `${JSON.stringify({ rebuilt: projection.name, position: checkpoint.position, sha256: hash })}\n`,
        );
      } finally {
        bar.stop();
      }
    }
  } finally {
    await log.close();
    await database.close();
  }
}
