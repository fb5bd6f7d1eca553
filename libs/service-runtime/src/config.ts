import path from 'node:path';
import { Slug } from '@anime/contracts';
import { hideLogins, ProblemError, type FieldError } from '@anime/problem-details';
import { z } from 'zod';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const NATS_SERVER = /^(nats|tls|ws|wss):\/\/[^\s,]+$/;
const SECRET_NAME = /PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS|(^|_)KEY$/;

/** A TCP port; 0 lets the system choose a free one. */
export const Port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((port) => port <= 65_535)
  .describe('a port number from 0 (any free one) to 65535');

/** `1`, `true`, `yes` or `0`, `false`, `no`. */
export const Flag = z
  .enum(['1', 'true', 'yes', '0', 'false', 'no'])
  .transform((word) => ['1', 'true', 'yes'].includes(word))
  .describe('1, true or yes; or 0, false or no');

/** A whole number of at least `min`. */
export function wholeNumber(min: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= min)
    .describe(`a whole number of at least ${min}`);
}

/**
 * A folder. A relative one is meant from where the user stands: npm starts a service in the service's own folder and says
 * in INIT_CWD where it was called.
 */
export function folder(defaultFolder: string) {
  return z
    .string()
    .min(1)
    .transform((given) => path.resolve(process.env['INIT_CWD'] ?? '', given))
    .prefault(defaultFolder);
}

/** Whether user and password of an address can be decoded by whoever connects: a bare % cannot. */
export function hasEncodedLogin(address: string): boolean {
  const url = URL.parse(address);
  if (url === null) return false;
  try {
    decodeURIComponent(url.username + url.password);
    return true;
  } catch {
    return false;
  }
}

/** What every service reads: spread it into its `z.object({...})`. */
export function baseConfig(defaultPort: number) {
  return {
    NATS_URL: z
      .string()
      .refine((urls) => urls.split(',').every((url) => NATS_SERVER.test(url.trim()) && hasEncodedLogin(url.trim())))
      .default('nats://127.0.0.1:4222')
      .describe('one or more NATS addresses, nats://host:port, separated by commas'),
    PORT: Port.default(defaultPort).describe('a port number from 0 (any free one) to 65535'),
    HOST: z.string().regex(/^\S+$/).default('127.0.0.1').describe('the address to listen on'),
    LOG_LEVEL: z
      .enum(LOG_LEVELS)
      .default('info')
      .describe(`one of ${LOG_LEVELS.join(', ')}`),
    ANIME_STUDIO: Slug.default('studio').describe('the name of the studio, kebab-case, at most 64 characters'),
    /** Says that an external single NATS server runs with `sync_interval: always`. */
    NATS_SYNCED: Flag.default(false).describe('1 (or true, yes) when the NATS server syncs every write, else 0'),
    OTEL_EXPORTER_OTLP_ENDPOINT: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('an http(s) address that traces are sent to'),
  };
}

/** For services that read or write blobs. */
export const blobsConfig = {
  ANIME_BLOBS: z
    .enum(['fs', 'nats'])
    .default('fs')
    .describe(
      'where blobs are: fs (ANIME_BLOBS_DIR) or nats (for services that share no folder), the same for all services',
    ),
  ANIME_BLOBS_DIR: folder('.anime/blobs').describe(
    'the folder of the blobs, one for all services of a machine; only with ANIME_BLOBS=fs',
  ),
};

/** For services that seal personal text, or show it. */
export const subjectKeysConfig = {
  ANIME_KEYS_DIR: folder('.anime-keys').describe(
    'the folder of the keys that seal personal text, one for all gateways; outside the data folders and their backups',
  ),
};

/** For services that people call. */
export const accessConfig = {
  ANIME_LOCAL_USER: Flag.optional().describe(
    '1 or 0: whether requests without an API key are those of the user of this machine; 1 where HOST is loopback, and possible only there',
  ),
};

/** For services that use PostgreSQL. */
export const databaseConfig = {
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .refine(hasEncodedLogin)
    .describe('a PostgreSQL address, postgres://user:password@host:port/database'),
};

/** Thrown in place of a configuration when the command line asks for `--help`; `runMain` prints the lines. */
export class HelpAsked extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/**
 * Reads the configuration once, from the environment. A variable set to '' counts as not set.
 * @returns the parsed values, frozen
 * @throws HelpAsked when the process was started with `--help`
 * @throws ProblemError `configuration-invalid` whose `errors` name every bad variable; values of secrets are not shown
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<z.infer<z.ZodObject<Shape>>> {
  if (process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h'))
    throw new HelpAsked(configurationHelp(schema));
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = env[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return Object.freeze(result.data);

  const byName = new Map<string, FieldError>();
  for (const issue of result.error.issues) {
    const name = String(issue.path[0] ?? 'environment');
    if (byName.has(name)) continue; // one line a variable: its description says all that is expected
    const expected = descriptionOf(schema, name) ?? issue.message;
    byName.set(name, { path: name, message: `expected ${expected}, but it is ${shown(name, given[name])}` });
  }
  throw new ProblemError('configuration-invalid', `${byName.size} variable(s) of the environment are not usable`, {
    errors: [...byName.values()],
  });
}

/** The lines that tell an operator what is wrong: one a variable. */
export function configurationLines(problem: ProblemError): readonly string[] {
  return [`Configuration: ${problem.message}`, ...problem.errors.map((error) => `  ${error.path}: ${error.message}`)];
}

/** One line a variable: its name, what it means, its default. */
export function configurationHelp(schema: z.ZodObject): readonly string[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const meaning = descriptionOf(schema, name) ?? '';
    return `  ${name.padEnd(28)} ${meaning}${fallbackOf(field)}`;
  });
}

function fallbackOf(field: unknown): string {
  if (field instanceof z.ZodDefault || field instanceof z.ZodPrefault)
    return `; default ${String(field.def.defaultValue)}`;
  return field instanceof z.ZodType && field.safeParse(undefined).success ? '' : '; must be set';
}

function descriptionOf(schema: z.ZodObject, name: string): string | undefined {
  const field: unknown = schema.shape[name];
  return field instanceof z.ZodType ? field.description : undefined;
}

function shown(name: string, value: string | undefined): string {
  if (value === undefined) return 'not set';
  if (SECRET_NAME.test(name)) return 'something else (not shown)';
  const hidden = hideLogins(value);
  return JSON.stringify(hidden.length > 120 ? `${hidden.slice(0, 120)}…` : hidden);
}
