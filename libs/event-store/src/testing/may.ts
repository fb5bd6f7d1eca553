import type { UserRights } from '../permissions/user-rights.js';

/** Whether a user's rights let it publish to a subject (or to all subjects of a filter): NATS matches token by token. */
export function mayPublish({ publish }: UserRights, subject: string): boolean {
  return publish.some((allowed) => covers(allowed.split('.'), subject.split('.')));
}

export function maySubscribe({ subscribe }: UserRights, subject: string): boolean {
  return subscribe.some((allowed) => covers(allowed.split('.'), subject.split('.')));
}

function covers([allowed, ...allowedRest]: readonly string[], [token, ...rest]: readonly string[]): boolean {
  if (allowed === '>') return token !== undefined;
  if (allowed === undefined || token === undefined) return allowed === token;
  return (allowed === '*' ? token !== '>' : allowed === token) && covers(allowedRest, rest);
}
