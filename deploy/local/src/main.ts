import path from 'node:path';
import { Command } from 'commander';
import { OPTIONS } from '../options.mjs';
import { runDemo } from './demo.js';
import { keepUp } from './keep-up.js';

const program = new Command('local-stack')
  .description('The whole system on one machine, without Docker')
  .showHelpAfterError();

function command(name: keyof typeof OPTIONS, description: string): Command {
  const made = program.command(name).description(description);
  for (const { flags, meaning, fallback } of OPTIONS[name]) made.option(flags, meaning, fallback);
  return made;
}

/** A folder that a user gives is meant from where the user stands, not from where npm went. */
function folder(given: string): string {
  return path.resolve(process.env['INIT_CWD'] ?? '', given);
}

command(
  'demo',
  'starts the stack, makes a picture and a short animation, shows what came of it, stops everything',
).action(async ({ dataDir, prompt }: { dataDir: string; prompt: string }) => runDemo(folder(dataDir), prompt));
command('start', 'starts the stack and keeps it up until Ctrl-C').action(
  async ({ dataDir, freePorts }: { dataDir: string; freePorts: boolean }) => keepUp(folder(dataDir), freePorts),
);

// What cannot be said, as when it goes to a file on a full disk, is no reason to stop the studio.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
