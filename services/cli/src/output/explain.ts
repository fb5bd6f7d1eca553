import { types } from 'node:util';
import { GatewayError } from '@anime/gateway-client';
import { isProblem } from '@anime/problem-details';

/** An error with the step that the caller should take next. */
export class AdvisedError extends Error {
  override readonly name = 'AdvisedError';

  constructor(
    message: string,
    readonly advice: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** What went wrong, and what to do next, as lines for a terminal. */
export function explain(error: unknown): string {
  if (error instanceof AdvisedError) return `${error.message}\n${error.advice}`;
  if (error instanceof GatewayError) return `${error.message}${nextStep(error)}`;
  if (isProblem(error) && error.errors.length > 1) {
    return [
      `${error.message.split(':')[0] ?? 'It cannot be done'}:`,
      ...error.errors.map(({ message }) => `  ${message}`),
    ].join('\n');
  }
  return messageOf(error);
}

function nextStep({ problem }: GatewayError): string {
  if (problem === undefined) return '\nIs this the address of a gateway?';
  switch (problem.code) {
    case 'job-not-found':
      return '\nnpm run anime -- jobs list shows which there are.';
    case 'project-not-found':
      return '\nnpm run anime -- projects list --all shows which there are.';
    case 'precondition-failed':
      return '\nSend the same command again: it takes in what came first.';
    case 'dead-letter-not-found':
      return '\nnpm run anime -- dead-letters list shows which there are.';
    case 'key-not-found':
      return '\nnpm run anime -- keys list shows which there are.';
    case 'unauthenticated':
      return '\nPut your key into ANIME_API_KEY. Whoever has the scope admin makes one: npm run anime -- keys create; the first one of a studio is made beside its gateway: npm run -s keys -w @anime/gateway -- create --admin';
    case 'key-invalid':
      return '\nPut another key into ANIME_API_KEY. Whoever has the scope admin makes one: npm run anime -- keys create';
    case 'scope-missing':
      return '\nWhoever has the scope admin makes a key with more scopes: npm run anime -- keys create --scopes …';
    default:
      return problem.retryable ? '\nThis may pass: try again in a moment.' : '';
  }
}

/** The message of an error with those of its causes, which tell why a connection failed. */
export function messageOf(error: unknown): string {
  // Not instanceof: what Node's own fetch throws may come from another realm.
  if (!types.isNativeError(error)) return String(error);
  const cause = types.isNativeError(error.cause) ? messageOf(error.cause) : '';
  return cause === '' || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
