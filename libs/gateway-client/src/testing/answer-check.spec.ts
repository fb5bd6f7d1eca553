import { describe, expect, it } from '@jest/globals';
import { AnswerCheck } from './answer-check.js';

const PROBLEM = {
  type: 'urn:anime:problem:job-ended',
  title: 'The job has already ended',
  status: 409,
  detail: 'it is completed',
  instance: '/api/anime/jobs/1/cancel',
  code: 'job-ended',
  retryable: false,
  requestId: 'r1',
};
const ACKNOWLEDGED = { jobId: '0199f0f0-0000-7000-8000-000000000001', position: 3 };

function answer(
  status: number,
  body: unknown,
  type = status < 400 ? 'application/json' : 'application/problem+json',
): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': type } });
}

describe('the check of answers', () => {
  it('lets pass what the document describes, and leaves it readable', async () => {
    const check = new AnswerCheck();
    const good = answer(202, ACKNOWLEDGED);
    await check.validateAnswer('cancelJob', good);
    await check.validateAnswer('cancelJob', answer(409, PROBLEM));
    expect(await good.json()).toEqual(ACKNOWLEDGED);
  });

  it.each([
    ['a status of its own', answer(418, PROBLEM), /answered 418, which its document does not have/],
    ['another media type', answer(202, ACKNOWLEDGED, 'text/plain'), /as text\/plain, not as application\/json/],
    ['a field too much', answer(202, { ...ACKNOWLEDGED, extra: 1 }), /must NOT have additional properties/],
    ['a field too little', answer(202, { jobId: ACKNOWLEDGED.jobId }), /must have required property 'position'/],
    ['a value of another form', answer(202, { ...ACKNOWLEDGED, jobId: '1' }), /must match pattern/],
    [
      'a problem that the operation does not have',
      answer(409, { ...PROBLEM, code: 'append-conflict' }),
      /must be equal to one of the allowed values/,
    ],
    ['a status in the body that is not its own', answer(409, { ...PROBLEM, status: 404 }), /must be equal to constant/],
  ])('does not let pass %s', async (_what, response, complaint) => {
    await expect(new AnswerCheck().validateAnswer('cancelJob', response)).rejects.toThrow(complaint);
  });

  it('demands the headers that the document promises', async () => {
    const body = {
      ...ACKNOWLEDGED,
      status: 'requested',
      type: 'image',
      seed: 1,
      template: { id: 'a', version: 1 },
      links: { self: '', events: '', cancel: '', retry: '' },
    };
    await expect(new AnswerCheck().validateAnswer('generateImage', answer(202, body))).rejects.toThrow(
      'without Location',
    );
  });

  it('remembers what was called', async () => {
    const check = new AnswerCheck();
    expect(check.uncalled()).toContain('cancelJob');
    await check.validateAnswer('cancelJob', answer(409, PROBLEM));
    expect(check.uncalled()).not.toContain('cancelJob');
    expect(check.uncalled()).toContain('getJob');
  });
});
