import { SERVICES } from '@anime/contracts';
import { startStack } from './stack.js';

const ONE_PRESS_MS = 500;

/**
 * `npm start`: the stack until SIGINT or SIGTERM, which also end a start; a second signal, half a second later or more, ends the
 * launcher at once.
 * @throws what `startStack` throws
 */
export async function keepUp(dataDir: string, freePorts: boolean): Promise<void> {
  const stopAsked = Promise.withResolvers<void>();
  const starting = new AbortController();
  let askedAt: number | undefined;
  const onSignal = (): void => {
    // Ctrl-C may come twice: from the terminal to the whole group, and passed on by whoever started this process.
    if (askedAt !== undefined && performance.now() - askedAt > ONE_PRESS_MS) process.exit(130);
    askedAt ??= performance.now();
    starting.abort(new Error('it was stopped before it was up'));
    stopAsked.resolve();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);

  const stack = await startStack({
    dataDir,
    freePorts,
    onStep: (step) => say(`  ${step}`),
    onTrouble: (trouble) => say(trouble),
    signal: starting.signal,
  }).catch((error: unknown) => {
    if (error !== starting.signal.reason) throw error;
  });
  if (stack === undefined) {
    say('Stopped before the studio was up. Everything is kept; npm start goes on from here.');
    return;
  }
  say('');
  say('The studio is up.');
  for (const service of SERVICES) say(`  ${service.padEnd(18)} ${stack.urls[service]}`);
  say(
    `  ${'ComfyUI'.padEnd(18)} ${stack.comfyui.join(', ')}${stack.simulated ? '  (simulator: no model is run)' : ''}`,
  );
  for (const away of stack.comfyuiAway) say(`  Not ready: ${away}; jobs wait until it is ready.`);
  say(`  ${'API documentation'.padEnd(18)} ${stack.gateway}/docs`);
  say(`  ${'library'.padEnd(18)} ${stack.libraryDir}`);
  say(`  ${'logs'.padEnd(18)} ${stack.logsDir}`);
  say(`  ${'keys'.padEnd(18)} ${stack.keysDir}  (of personal text: back them up apart from the data)`);
  say('');
  say(
    `Try: curl -s ${stack.gateway}/api/anime/generate -H 'content-type: application/json' -d '{"prompt":"a lighthouse","type":"image"}'`,
  );
  say('Ctrl-C stops it.');
  await stopAsked.promise;
  say('Stopping…');
  await stack.stop();
  say('Stopped. Everything is kept; npm start goes on from here.');
}
