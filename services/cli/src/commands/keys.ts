import { SCOPES, Uuid, type Scope } from '@anime/contracts';
import { unwrap, type Schemas } from '@anime/gateway-client';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { AdvisedError } from '../output/explain.js';
import { json, shortened, table } from '../output/table.js';
import type { Surroundings } from '../surroundings.js';
import { useGateway, withGateway, wordsOf, type GatewayOptions } from './gateway-options.js';

const HELP = `
All of it needs the scope admin. The first key of a studio is made beside its gateway, without a key:
  npm run -s keys -w @anime/gateway -- create --admin
`;
const LABEL_WIDTH = 40;

interface CreateOptions extends GatewayOptions {
  readonly scopes: Scope[];
  readonly label?: string;
  readonly actor?: string;
  readonly expires?: string;
}

/** `anime keys …` */
export function addKeys(root: Command, surroundings: Surroundings): void {
  const keys = root.command('keys').description('who may use the gateway, and for what').addHelpText('after', HELP);
  withGateway(keys.command('create'))
    .description('issue a key; it is shown this once')
    .addOption(
      new Option('--scopes <words>', `what it may do, with commas: ${SCOPES.join(', ')} (all of it)`)
        .argParser(wordsOf(SCOPES))
        .makeOptionMandatory(),
    )
    .option('--label <text>', 'what people call it; stored encrypted')
    .addOption(
      new Option('--actor <uuid>', 'whom it acts as, e.g. the actor of the key that it replaces').argParser(uuid),
    )
    .addOption(new Option('--expires <time>', 'from when on it opens nothing, e.g. 2030-01-31').argParser(instant))
    .action((options: CreateOptions) => create(surroundings, options));
  withGateway(keys.command('list'))
    .description('every key that was ever issued, newest first, and when it was last used')
    .action((options: GatewayOptions) => list(surroundings, options));
  withGateway(keys.command('revoke <id>'))
    .description('make a key open nothing any more, on every gateway within a second')
    .action((id: string, options: GatewayOptions) => revoke(surroundings, id, options));
}

async function create(surroundings: Surroundings, options: CreateOptions): Promise<void> {
  const { label, actor, expires: expiresAt } = options;
  const body = {
    scopes: options.scopes,
    ...(label === undefined ? {} : { label }),
    ...(actor === undefined ? {} : { actor }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  const issued = await useGateway(surroundings, options, (client) => unwrap(client.POST('/api/anime/keys', { body })));
  if (options.json === true) return surroundings.out(json(issued));
  // The key alone on standard output, so that it can go straight to where it is kept.
  surroundings.err(
    `Issued key ${issued.id} (${issued.hint}…) with ${issued.scopes.join(', ')}; it acts as ${issued.actor}.\nKeep the key now, it is shown this once:\n`,
  );
  surroundings.out(`${issued.key}\n`);
}

async function list(surroundings: Surroundings, options: GatewayOptions): Promise<void> {
  const answer = await useGateway(surroundings, options, (client) => unwrap(client.GET('/api/anime/keys')));
  if (options.json === true) return surroundings.out(json(answer));
  if (answer.keys.length === 0) return surroundings.out('There are no keys.\n');
  const now = new Date().toISOString();
  const rows = answer.keys.map((key) => [
    key.id,
    `${key.hint}…`,
    stateOf(key, now),
    key.scopes.join(','),
    answer.lastUseKnown ? (key.lastUsedAt ?? 'never') : 'unknown',
    key.actor,
    labelOf(key),
  ]);
  surroundings.out(table(['ID', 'KEY', 'STATE', 'SCOPES', 'LAST USED', 'ACTS AS', 'LABEL'], rows));
}

async function revoke(surroundings: Surroundings, id: string, options: GatewayOptions): Promise<void> {
  const path = { id: keyId(id) };
  const answer = await useGateway(surroundings, options, (client) =>
    unwrap(client.POST('/api/anime/keys/{id}/revoke', { params: { path } })),
  );
  if (options.json === true) return surroundings.out(json(answer));
  surroundings.out(`Key ${answer.id} opens nothing any more.\n`);
}

function stateOf({ revokedAt, expiresAt }: Schemas['ListedKey'], now: string): string {
  if (revokedAt !== null) return `revoked ${revokedAt}`;
  if (expiresAt === null) return 'valid';
  return expiresAt <= now ? `expired ${expiresAt}` : `valid until ${expiresAt}`;
}

function labelOf({ label }: Schemas['ListedKey']): string {
  if (label === null) return '';
  return label.text === null ? `(${label.unavailable ?? 'unavailable'})` : shortened(label.text, LABEL_WIDTH);
}

/** Looked at before anything is sent: whoever gives the key itself would have it in an address, which proxies write down. */
function keyId(text: string): string {
  const id = Uuid.safeParse(text.toLowerCase());
  if (id.success) return id.data;
  throw new AdvisedError(
    'That is not the id of a key.',
    'npm run anime -- keys list shows the ids; the key itself is not needed.',
  );
}

function uuid(text: string): string {
  const id = Uuid.safeParse(text.toLowerCase());
  if (id.success) return id.data;
  throw new InvalidArgumentError('It must be a UUID; keys list shows whom each key acts as.');
}

function instant(text: string): string {
  const time = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(time.getTime())) return time.toISOString();
  throw new InvalidArgumentError('It must be a time, e.g. 2030-01-31 or 2030-01-31T18:00:00Z.');
}
