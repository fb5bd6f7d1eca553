import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EmbeddedServerError } from './embedded-server-error.js';

export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom PostgreSQL must run as: undefined (this process's own user) unless this process is root, because `postgres`
 * refuses to run as root. Root uses the OS user `postgres`, or `nobody` where there is none (containers); no user is created.
 *
 * @throws EmbeddedServerError `os-user-missing` when neither exists.
 */
export function postgresOsUser(): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = lookUp('postgres') ?? lookUp('nobody');
  if (user !== undefined) return user;
  throw new EmbeddedServerError(
    'os-user-missing',
    'PostgreSQL does not run as root, and there is neither an OS user postgres nor nobody: create one, start as another user, or set DATABASE_URL.',
  );
}

/** Whether a program runs as that user. Really tried, because modes alone do not tell (ACLs, mount options, closed parents). */
export function runsAs(user: OsUser | undefined, program: string, args: readonly string[]): boolean {
  const result = spawnSync(program, args, { stdio: 'ignore', cwd: '/', ...idsOf(user) });
  return result.status === 0;
}

/** The part of spawn's options that makes a child run as `user`. */
export function idsOf(user: OsUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

function lookUp(name: string): OsUser | undefined {
  try {
    const rows = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
    const row = rows.find((fields) => fields[0] === name);
    return row === undefined ? undefined : { name, uid: Number(row[2]), gid: Number(row[3]) };
  } catch {
    return undefined;
  }
}
