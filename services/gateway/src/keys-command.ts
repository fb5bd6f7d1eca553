// `npm run -s keys -w @anime/gateway -- create --admin`: issues a key by appending its event, for a studio that has none yet.
import { parseArgs } from 'node:util';
import { SCOPES } from '@anime/contracts';
import { IssueKeyRequest } from '@anime/contracts/http';
import { openLog } from '@anime/event-store';
import { messageOf } from '@anime/problem-details';
import { FileSubjectKeys } from '@anime/sealed-fields';
import { KeyCommands, type IssueKey } from './commands/key-commands.js';
import { readKeysCommandConfig } from './config.js';

const HELP = `Issues an API key on the machine of the gateway, without a key: for the first one, or when the last one is lost.

npm run -s keys -w @anime/gateway -- create --admin
npm run -s keys -w @anime/gateway -- create --scopes jobs:read,jobs:write
  --admin            the key may do everything
  --scopes <words>   what it may do, with commas: ${SCOPES.join(', ')}
  --label <text>     what people call it
  --actor <uuid>     whom it acts as, e.g. the actor of the key that it replaces; a new one when absent
  --help             this text

Reads NATS_URL and ANIME_KEYS_DIR as the gateway does, which may go on running. Prints the key, and nothing else, to standard output: this once.
All else is done through the gateway: npm run anime -- keys --help
Exit codes: 0 done; 1 could not be done; 2 the command line is not right; 78 a variable is not usable
`;

/** Who the event says issued it: nobody whom the gateway knows, but somebody who may write to its log. */
const ACTOR = 'service:gateway';

/**
 * Runs `keys …` of the gateway's own binary.
 * @returns its exit code
 * @throws ProblemError `configuration-invalid`
 */
export async function runKeysCommand(args: readonly string[]): Promise<number> {
  const wanted = read(args);
  if (typeof wanted === 'string') {
    process.stderr.write(`${wanted}\n(--help lists what there is)\n`);
    return 2;
  }
  if (wanted === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const { NATS_URL, ANIME_KEYS_DIR } = readKeysCommandConfig();
  const log = openLog({ natsUrl: NATS_URL, name: 'gateway', graceMs: 5_000 });
  try {
    const commands = new KeyCommands({
      log,
      subjectKeys: new FileSubjectKeys(ANIME_KEYS_DIR),
      now: () => new Date().toISOString(),
    });
    const issued = await commands.issue(wanted, { actor: ACTOR });
    process.stderr.write(
      `Issued key ${issued.id} (${issued.hint}…) with ${issued.scopes.join(', ')}; it acts as ${issued.actor}.\n` +
        'Keep the key now, it is shown this once; clients send it as "Authorization: Bearer <key>", the command line takes it from ANIME_API_KEY.\n',
    );
    process.stdout.write(`${issued.key}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(
      `${messageOf(error)}\nIs nats-server running, is its address in NATS_URL, and was it prepared (npm run anime -- provision)?\n`,
    );
    return 1;
  } finally {
    await log.close();
  }
}

/** @returns what is wrong, or undefined when help was asked for */
function read(args: readonly string[]): IssueKey | string | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        admin: { type: 'boolean', default: false },
        scopes: { type: 'string' },
        label: { type: 'string' },
        actor: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return undefined;
    if (positionals.join(' ') !== 'create') return 'The only command here is create.';
    if (values.admin === (values.scopes !== undefined)) return 'Either --admin or --scopes says what the key may do.';
    const { label, actor } = values;
    const wanted = IssueKeyRequest.safeParse({
      scopes: values.admin ? ['admin'] : values.scopes?.split(','),
      ...(label === undefined ? {} : { label }),
      ...(actor === undefined ? {} : { actor }),
    });
    if (wanted.success) return wanted.data;
    return wanted.error.issues.map(({ path, message }) => `--${String(path[0])}: ${message}`).join('\n');
  } catch (error) {
    return messageOf(error);
  }
}
