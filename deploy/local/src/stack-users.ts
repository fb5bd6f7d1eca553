import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { namedServers, type ServiceName } from '@anime/contracts';
import {
  executorIdOf,
  natsUrlFor,
  PROVISION_USER,
  quoted,
  renderNatsUsers,
  studioRights,
  type UserRights,
} from '@anime/event-store';
import { writeLogin } from './login-file.js';

export type NatsUser = ServiceName | typeof PROVISION_USER;

/** As the services read them where nothing is given. */
const DEFAULT_STUDIO = 'studio';
const ONE_SERVER = 'http://127.0.0.1';

/** The users of the embedded nats-server: each may do what its service needs. Their passwords are made at each start. */
export class StackUsers {
  readonly #rights: readonly UserRights[];
  readonly #passwords: ReadonlyMap<string, string>;

  /** @param comfyuiUrls the ComfyUI servers, whose names are those of the executors; undefined: the one simulator */
  constructor(studio = DEFAULT_STUDIO, comfyuiUrls = ONE_SERVER) {
    const executorIds = namedServers(comfyuiUrls).map(({ name }) => executorIdOf(studio, name));
    this.#rights = studioRights({ executorIds });
    this.#passwords = new Map(this.#rights.map(({ user }) => [user, randomBytes(20).toString('hex')]));
  }

  /** For nats-server; a restart of the server keeps it. Holds the passwords. */
  get configuration(): string {
    return renderNatsUsers(this.#rights, (user) => quoted(this.#passwordOf(user)));
  }

  /** NATS_URL of a user. Holds its password. */
  urlFor(url: string, user: NatsUser): string {
    return natsUrlFor(url, user, this.#passwordOf(user));
  }

  /** Leaves NATS_URL of each user in a file that only its owner reads, for commands that are run by hand. */
  writeLogins(url: string, folder: string): void {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700); // whatever the umask
    for (const { user } of this.#rights) {
      writeLogin(path.join(folder, user), natsUrlFor(url, user, this.#passwordOf(user)));
    }
  }

  #passwordOf(user: string): string {
    const password = this.#passwords.get(user);
    if (password === undefined) throw new Error(`there is no NATS user ${user}`);
    return password;
  }
}
