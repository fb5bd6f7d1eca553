import { randomBytes } from 'node:crypto';
import { namedServers, Slug } from '@anime/contracts';
import { executorIdOf, passwordVariable, renderNatsUsers, studioRights, type UserRights } from '@anime/event-store';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { DEFAULT_STUDIO, setting, type Surroundings } from '../surroundings.js';

interface UsersOptions {
  readonly executors?: string;
  readonly studio?: string;
  readonly passwords?: boolean;
}

/** What the servers of a cluster log in to each other with: no user of a service (deploy/nats/cluster.conf). */
const ROUTE_LOGIN = 'route';

/** What executors without names are called (COMFYUI_URLS): so many servers need no list. */
const UNNAMED = 'comfyui-1,comfyui-2,comfyui-3,comfyui-4';

const HELP = `
Writes to standard output: put it into a file that nats-server's configuration includes, and reload nats-server
(nats-server --signal reload) when it has changed. Passwords are read by nats-server from the variables that
--passwords writes; each is a plain word that begins with a letter, or a bcrypt hash. A service logs in by its
NATS_URL: nats://gateway:$ANIME_NATS_PASSWORD_GATEWAY@host. ANIME_NATS_PASSWORD_ROUTE, always a plain word, is what the
servers of a cluster log in to each other with (deploy/nats/cluster.conf).
Commands that make streams or durables log in as provision. An executor that is not in the list can neither make its durable nor
take orders: after adding a ComfyUI server, write the users anew. From the repository: npm run -s anime -- nats-users …
`;

/** `anime nats-users` */
export function addNatsUsers(root: Command, surroundings: Surroundings): void {
  root
    .command('nats-users')
    .description("write nats-server's users: one for each service with the rights that it needs, and provision")
    .option(
      '--executors <names>',
      `names of executors, separated by commas (default: those of COMFYUI_URLS, else ${UNNAMED})`,
    )
    .option('--studio <slug>', `studio that they are in (default: ANIME_STUDIO, else ${DEFAULT_STUDIO})`)
    .option('--passwords', 'write new random passwords instead, as lines of an environment file')
    .addHelpText('after', HELP)
    .action((options: UsersOptions, command: Command) => {
      const users = usersOf(surroundings, options, command);
      surroundings.out(options.passwords === true ? passwordLines(users) : configurationOf(users));
    });
}

function usersOf(surroundings: Surroundings, options: UsersOptions, command: Command): readonly UserRights[] {
  const wrong = (message: string): never => command.error(`error: ${message}`, { exitCode: EXIT.usage });
  const studio = Slug.safeParse(setting(surroundings, options.studio, 'ANIME_STUDIO', DEFAULT_STUDIO));
  if (!studio.success) return wrong('the studio must be a kebab-case name');
  const servers = surroundings.env['COMFYUI_URLS'] ?? '';
  const executors = options.executors ?? (servers === '' ? UNNAMED : namesIn(servers));
  const names = executors.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!Slug.safeParse(name).success) wrong(`an executor has a kebab-case name, not ${JSON.stringify(name)}`);
  }
  return studioRights({ executorIds: names.map((name) => executorIdOf(studio.data, name)) });
}

function namesIn(comfyuiUrls: string): string {
  return namedServers(comfyuiUrls)
    .map(({ name }) => name)
    .join(',');
}

function configurationOf(users: readonly UserRights[]): string {
  return (
    '# Written by `npm run -s anime -- nats-users`: change the contracts, not this file.\n' +
    renderNatsUsers(users, (user) => `$${passwordVariable(user)}`)
  );
}

function passwordLines(users: readonly UserRights[]): string {
  // nats-server reads a variable as a value of its configuration: one that begins with a digit would be a number.
  const logins = [...users.map(({ user }) => user), ROUTE_LOGIN];
  return logins.map((login) => `${passwordVariable(login)}=p${randomBytes(20).toString('hex')}\n`).join('');
}
