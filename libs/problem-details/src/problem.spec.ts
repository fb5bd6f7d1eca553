import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { PROBLEMS, type ProblemCode } from '@anime/contracts';
import { isProblem, messageOf, ProblemError, toProblem } from './problem-error.js';
import { problemJson } from './problem-json.js';

const codes = Object.keys(PROBLEMS) as ProblemCode[];

describe('the catalogue of problems', () => {
  it.each(codes)('has a status of an error, a title and a kebab-case code for %s', (code) => {
    const { status, title } = PROBLEMS[code];
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('calls nothing retryable that the caller would have to change', () => {
    const retryable = codes.filter((code) => PROBLEMS[code].retryable && PROBLEMS[code].status < 500);
    expect(retryable).toEqual(['append-conflict', 'queue-full', 'rate-limited']);
  });
});

describe('a problem', () => {
  it('takes status and retryability from its code and keeps its cause', () => {
    const cause = new Error('ECONNREFUSED');
    const problem = new ProblemError('log-unavailable', 'NATS is not connected', { cause, retryAfter: 2 });
    expect(problem).toMatchObject({
      status: 503,
      retryable: true,
      retryAfter: 2,
      cause,
      message: 'NATS is not connected',
      name: 'ProblemError',
    });
    expect([
      isProblem(problem),
      isProblem(problem, 'log-unavailable'),
      isProblem(problem, 'log-full'),
      isProblem(cause),
    ]).toEqual([true, true, false, false]);
  });

  it('is made of any other error as internal, and left alone otherwise', () => {
    const error = new TypeError('x is not a function');
    expect(toProblem(error)).toMatchObject({ code: 'internal', status: 500, cause: error });
    expect(toProblem('text')).toMatchObject({ code: 'internal', message: 'text' });
    const problem = new ProblemError('job-ended', 'it has ended');
    expect(toProblem(problem)).toBe(problem);
  });
});

describe('the words of a thrown value', () => {
  it('are its message, also when it is of another realm than ours', () => {
    const foreign: unknown = runInNewContext("new TypeError('not ours')");
    expect(foreign).not.toBeInstanceOf(Error);
    expect([messageOf(new Error('ours')), messageOf(foreign), toProblem(foreign).message]).toEqual([
      'ours',
      'not ours',
      'not ours',
    ]);
  });

  it('are its code, else its name, when it has no message, and its text when it is no error', () => {
    expect(messageOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(messageOf(new RangeError())).toBe('RangeError');
    expect([messageOf('text'), messageOf(undefined), messageOf({ message: 5 })]).toEqual([
      'text',
      'undefined',
      '[object Object]',
    ]);
  });
});

describe('the answer for a problem', () => {
  it('is an RFC 9457 object with our code, every bad field and the request', () => {
    const errors = [{ path: '/prompt', message: 'too long' }];
    expect(
      problemJson(new ProblemError('validation-failed', '/prompt: too long', { errors }), '/api/anime/generate', 'r-1'),
    ).toEqual({
      type: 'urn:anime:problem:validation-failed',
      title: PROBLEMS['validation-failed'].title,
      status: 400,
      detail: '/prompt: too long',
      instance: '/api/anime/generate',
      code: 'validation-failed',
      retryable: false,
      requestId: 'r-1',
      errors,
    });
  });

  it('tells nothing of what was not foreseen', () => {
    const answer = problemJson(new Error('password=geheim'), '/', 'r-2');
    expect(answer).toMatchObject({ code: 'internal', status: 500, requestId: 'r-2' });
    expect(JSON.stringify(answer)).not.toContain('geheim');
    expect(answer).not.toHaveProperty('errors');
  });
});
