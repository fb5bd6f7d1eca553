import { fetch } from 'undici';

/**
 * Asks the gateway for a picture of 64×64.
 * @returns the job's id
 * @throws Error with the answer when it is not accepted
 */
export async function requestJob(gateway: string, more: Readonly<Record<string, unknown>>): Promise<string> {
  const body = { prompt: 'a harbour at dusk', width: 64, height: 64, ...more };
  const response = await fetch(`${gateway}/api/anime/generate/image`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { readonly jobId?: string };
  if (answer.jobId === undefined) throw new Error(`POST answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer.jobId;
}
