const LIMIT_MS = 30_000;
const PAUSE_MS = 50;

/**
 * Waits until `GET <url>/ready` answers 200.
 * @throws Error that names what is not ready, after 30 s
 */
export async function waitUntilReady(name: string, url: string): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  let last = 'no answer yet';
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/ready`);
      if (response.ok) return;
      last = unready(await response.text());
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`${name} (${url}) was not ready within ${LIMIT_MS / 1000} s: ${last}`);
}

function unready(body: string): string {
  try {
    const { checks } = JSON.parse(body) as { checks: { name: string; ok: boolean; reason: string | null }[] };
    return checks
      .filter((check) => !check.ok)
      .map((check) => `${check.name}: ${check.reason}`)
      .join('; ');
  } catch {
    return body;
  }
}
