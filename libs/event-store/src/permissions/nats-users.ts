import type { UserRights } from './user-rights.js';

/**
 * The `authorization` block of nats-server's configuration.
 * @param passwordOf a password as the configuration spells it: `quoted(…)`, or `$VARIABLE` of nats-server's environment
 */
export function renderNatsUsers(users: readonly UserRights[], passwordOf: (user: string) => string): string {
  const lines = ['authorization {', '  users: ['];
  for (const { user, publish, subscribe } of users) {
    lines.push('    {', `      user: ${quoted(user)}`, `      password: ${passwordOf(user)}`, '      permissions: {');
    for (const [verb, subjects] of [
      ['publish', publish],
      ['subscribe', subscribe],
    ] as const) {
      lines.push(`        ${verb}: [`, ...subjects.map((subject) => `          ${quoted(subject)}`), '        ]');
    }
    lines.push('      }', '    }');
  }
  return `${[...lines, '  ]', '}'].join('\n')}\n`;
}

/** A string of nats-server's configuration: JSON's escapes of quote, backslash and line ends are also its own. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The variable of nats-server's environment that has a user's password. */
export function passwordVariable(user: string): string {
  return `ANIME_NATS_PASSWORD_${user.toUpperCase().replaceAll('-', '_')}`;
}

/** An address with user and password in it, for NATS_URL. */
export function natsUrlFor(url: string, user: string, password: string): string {
  return url.replace('://', `://${encodeURIComponent(user)}:${encodeURIComponent(password)}@`);
}
