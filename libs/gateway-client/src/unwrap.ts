import type { components } from './generated/api.js';

type Problem = components['schemas']['Problem'];

/** The gateway (or something before it) answered with an error. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;
  /** What the gateway says; undefined when the answer is no problem+json, so not the gateway's own. */
  readonly problem: Problem | undefined;

  constructor(status: number, body: unknown) {
    const problem = isProblem(body) ? body : undefined;
    super(problem === undefined ? `HTTP ${status}: ${excerpt(body)}` : describe(problem));
    this.status = status;
    this.problem = problem;
  }
}

/**
 * The data of an answer.
 * @throws GatewayError when the answer is an error
 */
export async function unwrap<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<Exclude<T, undefined>> {
  const { data, error, response } = await answer;
  if (data === undefined || !response.ok) throw new GatewayError(response.status, error);
  return data as Exclude<T, undefined>;
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body && 'status' in body;
}

function describe(problem: Problem): string {
  const fields = problem.errors?.map((error) => `${error.path}: ${error.message}`) ?? [];
  return [`${problem.title} (${problem.code}): ${problem.detail}`, ...fields].join('\n  ');
}

function excerpt(body: unknown): string {
  const text = typeof body === 'string' ? body : (JSON.stringify(body) ?? 'no body');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
