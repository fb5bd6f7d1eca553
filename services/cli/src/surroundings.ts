/** What a command may touch of the process that it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export const DEFAULT_NATS_URL = 'nats://127.0.0.1:4222';
export const DEFAULT_GATEWAY = 'http://127.0.0.1:8331';
export const DEFAULT_STUDIO = 'studio';

/** The option if it was given, else the variable unless it is empty, else the default. */
export function setting({ env }: Surroundings, given: string | undefined, variable: string, fallback: string): string {
  const fromEnvironment = env[variable];
  return given ?? (fromEnvironment === undefined || fromEnvironment === '' ? fallback : fromEnvironment);
}
